using System.Buffers.Binary;
using Tessera.Text;
using Tessera.Text.Llama;

namespace Tessera.Engine.Tests.Text;

/// <summary>
/// Saved states as libllama writes them for several kinds of models, in both editions: each is known again, and each number of it that is
/// changed is noticed or harmless.
/// </summary>
public sealed class StateShapeTests
{
    private const int TokenCount = 100,
        Layers = 3,
        KeyLength = 32;

    public static TheoryData<string> Kinds => [.. Writers.Keys];

    private static readonly Dictionary<string, Action<StateWriter, int>> Writers = new()
    {
        ["plain"] = static (state, length) => state.Header().Cache(length, length),
        ["plain, older edition"] = static (state, length) => state.Cache(length, length),
        ["eight bits"] = static (state, length) => state.Header().Cache(length, length, type: 8),
        ["values transposed"] = static (state, length) => state.Header().Cache(length, length, isTransposed: true),
        ["no values"] = static (state, length) => state.Header().Cache(length, length, hasValues: false),
        ["several axes"] = static (state, length) => state.Cache(length, length, extension: 8),
        ["several axes and tokens"] = static (state, length) => state.Header().Cache(length, length, extension: 12),
        ["a window"] = static (state, length) => state.Header().Cache(length, length).Cache(length, Math.Min(length, 4)),
        ["recurrent"] = static (state, length) => state.Header().Recurrent(length),
        ["hybrid"] = static (state, length) => state.Header().Cache(length, length, extension: 12).Recurrent(length),
        ["hybrid with a window"] = static (state, length) =>
            state.Header().Cache(length, length).Cache(length, Math.Min(length, 4)).Recurrent(length),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_state_of_any_length_is_known_again(string kind)
    {
        StateShape shape = StateShape.Learn(Write(kind, 1), TokenCount)!;
        Assert.NotNull(shape);
        foreach (int length in (int[])[1, 2, 7, 300])
        {
            byte[] state = Write(kind, length);
            Assert.True(shape.Fits(state, length, TokenCount), $"{kind}, {length}");
            Assert.True(shape.LongestFor(length) >= state.Length);
            if (!kind.Contains("window", StringComparison.Ordinal))
                Assert.Equal(state.Length, shape.LongestFor(length));
            Assert.False(shape.Fits(state, length + 1, TokenCount) || shape.Fits(state, length - 1, TokenCount));
            Assert.False(shape.Fits(state.AsSpan(0, state.Length - 1), length, TokenCount));
            Assert.False(shape.Fits([.. state, 0], length, TokenCount));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Each_changed_number_is_noticed_unless_it_is_a_value(string kind)
    {
        const int Length = 5;
        StateShape shape = StateShape.Learn(Write(kind, 1), TokenCount)!;
        StateWriter whole = Writer(kind, Length);
        byte[] state = whole.ToArray();
        for (int place = 0; place + 4 <= state.Length; place += 4)
        {
            foreach (uint value in (uint[])[0x10000000, 0x7fffffff, 0xffffffff, 0x80000000])
            {
                byte[] changed = [.. state];
                BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(place), value);
                if (changed.AsSpan().SequenceEqual(state) || whole.IsFree(place))
                    continue;
                Assert.False(shape.Fits(changed, Length, TokenCount), $"{kind}: {value:x} at {place}");
            }
        }
    }

    [Fact]
    public void A_scale_of_eight_bits_that_is_no_number_is_noticed()
    {
        StateShape shape = StateShape.Learn(Write("eight bits", 1), TokenCount)!;
        byte[] state = Write("eight bits", 2);
        (state[^34], state[^33]) = (0x00, 0x7C);
        Assert.False(shape.Fits(state, 2, TokenCount));
        (state[^34], state[^33]) = (0x00, 0x3C);
        (state[^32], state[^31]) = (0x00, 0x7C);
        Assert.True(shape.Fits(state, 2, TokenCount));
    }

    [Fact]
    public void Another_form_has_no_shape()
    {
        var random = new Random(3);
        for (int attempt = 0; attempt < 2000; attempt++)
        {
            var noise = new byte[random.Next(200)];
            random.NextBytes(noise);
            Assert.Null(StateShape.Learn(noise, TokenCount));
        }

        Assert.Null(StateShape.Learn(new StateWriter().Header().Cache(1, 1, type: 12).ToArray(), TokenCount)); // Q4_K
    }

    [Fact]
    public void Numbers_must_be_finite_and_of_a_sane_size()
    {
        foreach (int length in (int[])[1, 7, 8, 33])
        {
            var values = new float[length];
            Assert.True(FiniteNumbers.AreIn(values));
            foreach (float wrong in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e30f])
            {
                values[^1] = wrong;
                Assert.False(FiniteNumbers.AreIn(values));
            }
        }

        byte[] halves = new byte[70];
        Assert.True(FiniteNumbers.AreInHalves(halves) && FiniteNumbers.AreInBrains(halves));
        halves[^1] = 0x7C;
        Assert.False(FiniteNumbers.AreInHalves(halves));
        Assert.True(FiniteNumbers.AreInBrains(halves));
        (halves[^2], halves[^1]) = (0x80, 0x7F);
        Assert.False(FiniteNumbers.AreInBrains(halves));
    }

    private static StateWriter Writer(string kind, int length)
    {
        var writer = new StateWriter();
        Writers[kind](writer, length);
        return writer;
    }

    private static byte[] Write(string kind, int length) => Writer(kind, length).ToArray();

    /// <summary>Writes a state, and remembers which of its numbers may be anything.</summary>
    private sealed class StateWriter
    {
        private const uint Magic = 0xAF143CD8;
        private readonly List<byte> state = [];
        private readonly HashSet<int> free = [];

        public byte[] ToArray() => state.ToArray();

        public bool IsFree(int place) => free.Contains(place);

        public StateWriter Header()
        {
            Int(Magic);
            return Free(4);
        }

        public StateWriter Cache(int length, int cells, int extension = 0, bool isTransposed = false, bool hasValues = true, int type = 1)
        {
            Int(1);
            Int((uint)cells);
            for (int cell = 0; cell < cells; cell++)
            {
                // In the order of the cells, not of the positions.
                Int((uint)(length - cells + ((cell + 1) % cells)));
                Int(1);
                for (int axis = 0; axis < Math.Min(extension, 8) / 4; axis++)
                    Int(0);
                // A token, which may be none; then the sequence.
                if (extension > 8)
                    Free(4);
                Free(4);
            }

            Int(isTransposed ? 1u : 0u);
            Int(Layers);
            Rows(Layers, cells, type, isTransposed: false);
            if (hasValues)
                Rows(Layers, cells, type, isTransposed);
            return this;
        }

        public StateWriter Recurrent(int length)
        {
            Int(1);
            Int((uint)(length - 1));
            Int(0);
            Int(0);
            Int(8);
            Rows(5, 1, type: 0, isTransposed: false);
            return this;
        }

        private void Rows(int count, int cells, int type, bool isTransposed)
        {
            // Two blocks of Q8_0.
            int length = type == 8 ? 68 : KeyLength;
            for (int row = 0; row < count; row++)
            {
                Int((uint)type);
                Int(isTransposed ? 2u : (uint)length);
                Int(isTransposed ? (uint)length / 2 : 0u);
                for (int value = 0; value < length * cells / 4; value++)
                    Free(4);
            }
        }

        private StateWriter Free(int length)
        {
            free.Add(state.Count);
            state.AddRange(new byte[length]);
            return this;
        }

        private void Int(uint value)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            state.AddRange(bytes);
        }
    }
}
