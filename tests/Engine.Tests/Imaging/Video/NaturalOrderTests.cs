using Tessera.Imaging.Video;

namespace Tessera.Engine.Tests.Imaging.Video;

public sealed class NaturalOrderTests
{
    [Fact]
    public void Numbers_are_counted_and_case_does_not_matter()
    {
        string[] ordered =
        [
            "1.png",
            "2.png",
            "10.png",
            "a",
            "A1",
            "a01",
            "a2",
            "a10b2",
            "a10b10",
            "b",
            "frame-0009",
            "Frame-10",
            "frame-0011",
        ];
        Assert.Equal(ordered, ordered.Reverse().Order(NaturalOrder.Instance));
    }

    [Fact]
    public void Numbers_longer_than_any_integer_are_compared() =>
        Assert.True(NaturalOrder.Instance.Compare(new string('9', 60), "1" + new string('0', 60)) < 0);

    [Fact]
    public void It_is_an_order()
    {
        Assert.Equal(0, NaturalOrder.Instance.Compare("x7", "x7"));
        Assert.NotEqual(0, NaturalOrder.Instance.Compare("x7", "x07"));
        Assert.Equal(-Math.Sign(NaturalOrder.Instance.Compare("x7", "x07")), Math.Sign(NaturalOrder.Instance.Compare("x07", "x7")));
        Assert.True(NaturalOrder.Instance.Compare("x", "x1") < 0);
    }
}
