using Tessera.Native;

namespace Tessera.Compute.Kernels.Steps;

/// <summary>
/// One <c>GGML_OP_ROPE</c> of a few tokens: pairs of channels turned by angles that grow with the position. x [head, heads, tokens] in
/// float32, positions [tokens] -> as x. Source: ggml 0.25.1, src/ggml-cpu/ops.cpp, ggml_compute_forward_rope_flt, in the same order of
/// operations.
/// </summary>
internal readonly unsafe struct HeadRotation(ggml_tensor* node)
{
    // Where ggml keeps what ggml_rope_ext is told.
    private const int Channels = 1,
        Mode = 2,
        Base = 5,
        PositionScale = 6,
        Extrapolation = 7,
        Magnitude = 8,
        FirstChannel = 15;

    // Channels next to each other are pairs, or those half the channels apart (NeoX).
    private const int Adjacent = 0,
        Halves = 2;
    private const int LargestHead = 1024;

    private ggml_tensor* X => (ggml_tensor*)node->src[0];

    private ggml_tensor* Factors => (ggml_tensor*)node->src[2];

    /// <summary>Whether it can be computed here.</summary>
    public static bool IsSupported(ggml_tensor* node)
    {
        var own = new HeadRotation(node);
        return node->op_params[Mode] is Adjacent or Halves
            && own.Number(Extrapolation) == 0
            && node->op_params[FirstChannel] == 0
            && own.X->type == ggml_type.GGML_TYPE_F32
            && node->type == ggml_type.GGML_TYPE_F32
            && own.X->nb[0] == sizeof(float)
            && node->nb[0] == sizeof(float)
            && node->ne[0] <= LargestHead
            && node->ne[3] == 1;
    }

    /// <summary>Turns all heads of all tokens.</summary>
    public void Compute()
    {
        int channels = node->op_params[Channels],
            pairs = channels / 2;
        bool isAdjacent = node->op_params[Mode] == Adjacent;
        float* turns = stackalloc float[LargestHead];
        int* positions = (int*)((ggml_tensor*)node->src[1])->data;
        for (int token = 0; token < node->ne[2]; token++)
        {
            FillTurns(positions[token], pairs, turns);
            for (int head = 0; head < node->ne[1]; head++)
            {
                var from = (float*)(X->data + (ulong)head * X->nb[1] + (ulong)token * X->nb[2]);
                var to = (float*)(node->data + (ulong)head * node->nb[1] + (ulong)token * node->nb[2]);
                for (int pair = 0; pair < pairs; pair++)
                {
                    int first = isAdjacent ? 2 * pair : pair,
                        second = isAdjacent ? first + 1 : pair + pairs;
                    (float a, float b, float cosine, float sine) = (from[first], from[second], turns[2 * pair], turns[2 * pair + 1]);
                    to[first] = a * cosine - b * sine;
                    to[second] = a * sine + b * cosine;
                }

                if (from != to)
                    new ReadOnlySpan<float>(from + channels, (int)node->ne[0] - channels).CopyTo(
                        new Span<float>(to + channels, (int)node->ne[0] - channels)
                    );
            }
        }
    }

    // Cosines and sines of a position's angles, side by side.
    private void FillTurns(int position, int pairs, float* turns)
    {
        float* factors = Factors == null ? null : (float*)Factors->data;
        float step = MathF.Pow(Number(Base), -2f / (2 * pairs)),
            angle = position;
        for (int pair = 0; pair < pairs; pair++, angle *= step)
        {
            float turned = Number(PositionScale) * (factors == null ? angle : angle / factors[pair]);
            turns[2 * pair] = MathF.Cos(turned) * Number(Magnitude);
            turns[2 * pair + 1] = MathF.Sin(turned) * Number(Magnitude);
        }
    }

    private float Number(int index) => BitConverter.Int32BitsToSingle(node->op_params[index]);
}
