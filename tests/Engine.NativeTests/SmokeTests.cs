namespace Tessera.Engine.NativeTests;

public class SmokeTests
{
    [Fact]
    public void Runs() => Assert.True(true);
}
