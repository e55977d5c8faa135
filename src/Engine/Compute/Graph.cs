using Tessera.Native;

namespace Tessera.Compute;

/// <summary>
/// One computation under construction: an arena for its tensors, its inputs with their data, and ggml's operations under the
/// field's names. Shapes are written fastest dimension first. Run it with <see cref="GraphRunner"/>.
/// </summary>
internal sealed unsafe class Graph : IDisposable
{
    private const int GgmlRopeNeox = 2; // GGML_ROPE_TYPE_NEOX of ggml.h
    private readonly GgmlContextHandle arena;
    private readonly bool mayRound;
    private readonly LowRankAdditions? additions;
    private readonly List<(Tensor Tensor, ReadOnlyMemory<float> Data)> floatInputs = [];
    private readonly List<(Tensor Tensor, ReadOnlyMemory<int> Data)> indexInputs = [];

    /// <param name="nodeCapacity">The most tensors that the computation may have.</param>
    /// <param name="isOnProcessor">Whether the CPU will run it.</param>
    /// <param name="mayRound">Whether products of weights may round both operands to bfloat16.</param>
    /// <param name="additions">What is added to products of weights; null for nothing.</param>
    public Graph(int nodeCapacity, bool isOnProcessor, bool mayRound = false, LowRankAdditions? additions = null)
    {
        this.mayRound = mayRound;
        this.additions = additions;
        NodeCapacity = nodeCapacity;
        IsOnProcessor = isOnProcessor;
        arena = GgmlArena.Create(nodeCapacity, graphCapacity: nodeCapacity);
        Native = Ggml.ggml_new_graph_custom(Context, (nuint)nodeCapacity, false);
    }

    public int NodeCapacity { get; }

    /// <summary>Whether the CPU will run it, whose kernels take other layouts than a GPU's.</summary>
    public bool IsOnProcessor { get; }

    /// <summary>The <c>ggml_cgraph</c>, owned by the arena.</summary>
    public nint Native { get; }

    /// <summary>Multiplications of the matrix products: what the time of a run goes with.</summary>
    public double MultiplicationCount
    {
        get
        {
            if (field > 0)
                return field;
            double count = 0;
            for (int index = 0; index < Ggml.ggml_graph_n_nodes(Native); index++)
            {
                ggml_tensor* node = Ggml.ggml_graph_node(Native, index);
                if (node->op == ggml_op.GGML_OP_MUL_MAT)
                    count += (double)((ggml_tensor*)node->src[0])->ne[0] * new Tensor(node).ElementCount;
            }

            return field = count;
        }
    }

    private nint Context => arena.Pointer;

    /// <summary>A float32 input of the given shape whose data is uploaded before the run.</summary>
    public Tensor Input(string name, ReadOnlyMemory<float> data, long size0, long size1 = 1, long size2 = 1, long size3 = 1)
    {
        if (data.Length != size0 * size1 * size2 * size3)
            throw new ArgumentException($"Input '{name}' has {data.Length} values, not {size0} x {size1} x {size2} x {size3}.");
        Tensor tensor = NewInput(name, ggml_type.GGML_TYPE_F32, size0, size1, size2, size3);
        floatInputs.Add((tensor, data));
        return tensor;
    }

    /// <summary>A float32 input of the given shape that <see cref="Write"/> fills before each run, once the graph has been
    /// placed.</summary>
    public Tensor Input(string name, long size0, long size1, long size2) => NewInput(name, ggml_type.GGML_TYPE_F32, size0, size1, size2, 1);

    /// <summary>An input of a type that <see cref="Write{T}"/> fills before each run, once the graph has been placed.</summary>
    public Tensor Input(string name, ggml_type type, long size0, long size1 = 1) => NewInput(name, type, size0, size1, 1, 1);

    /// <summary>A vector of row indices whose data is uploaded before the run.</summary>
    public Tensor Indices(string name, ReadOnlyMemory<int> data)
    {
        Tensor tensor = NewInput(name, ggml_type.GGML_TYPE_I32, data.Length, 1, 1, 1);
        indexInputs.Add((tensor, data));
        return tensor;
    }

    /// <summary>Declares a result that is read after the run.</summary>
    public Tensor Output(Tensor tensor)
    {
        Ggml.ggml_set_output(tensor.Native);
        Ggml.ggml_build_forward_expand(Native, tensor.Native);
        return tensor;
    }

    /// <summary>Matrix product: weight [k, m], x [k, n, ...] -> [m, n, ...].</summary>
    public Tensor MatMul(Tensor weight, Tensor x)
    {
        ggml_tensor* product = Ggml.ggml_mul_mat(Context, weight.Native, x.Native);
        // Said for each product, so that a picture's do not depend on how many rows are computed together. GPUs sum weights of 16 bits in
        // 16 bits if nothing is said, which costs up to 0.0002 of a row's cosine; on quantized ones they keep to their fast way.
        if (!IsOnProcessor)
            Ggml.ggml_mul_mat_set_prec(product, mayRound || weight.IsQuantized ? ggml_prec.GGML_PREC_UNDEFINED : ggml_prec.GGML_PREC_F32);
        else
            Kernels.Products.MatrixProduct.SetPrecision(
                product,
                mayRound || weight.IsQuantized ? ggml_prec.GGML_PREC_BF16 : ggml_prec.GGML_PREC_F32
            );
        return additions?.AddTo(this, new Tensor(product), weight, x) ?? new Tensor(product);
    }

    /// <summary>
    /// Product of a weight [k, m] and x [k, n, ...] -> [m, n, ...], as one product over all of x's rows: the AMX kernels compute the
    /// first slice only of anything else (ggml 0.25.1, src/ggml-cpu/amx/mmq.cpp).
    /// </summary>
    public Tensor Project(Tensor weight, Tensor x)
    {
        long rows = x.Size(1) * x.Size(2) * x.Size(3);
        if (rows == x.Size(1))
            return MatMul(weight, x);
        return Reshape(MatMul(weight, Reshape(x, x.Size(0), rows)), weight.Size(1), x.Size(1), x.Size(2), x.Size(3));
    }

    /// <summary>Sum; the second operand is repeated to the first's shape.</summary>
    public Tensor Add(Tensor a, Tensor b) => new(Ggml.ggml_add(Context, a.Native, b.Native));

    /// <summary>Product by element; the second operand is repeated to the first's shape.</summary>
    public Tensor Multiply(Tensor a, Tensor b) => new(Ggml.ggml_mul(Context, a.Native, b.Native));

    public Tensor Scale(Tensor a, float factor) => new(Ggml.ggml_scale(Context, a.Native, factor));

    /// <summary>Layer normalisation over the fastest dimension, without weight and bias.</summary>
    public Tensor LayerNorm(Tensor x, float epsilon) => new(Ggml.ggml_norm(Context, x.Native, epsilon));

    /// <summary>Root-mean-square normalisation over the fastest dimension, without weight.</summary>
    public Tensor RmsNorm(Tensor x, float epsilon) => new(Ggml.ggml_rms_norm(Context, x.Native, epsilon));

    public Tensor GeluErf(Tensor x) => new(Ggml.ggml_gelu_erf(Context, x.Native));

    public Tensor GeluTanh(Tensor x) => new(Ggml.ggml_gelu(Context, x.Native));

    public Tensor QuickGelu(Tensor x) => new(Ggml.ggml_gelu_quick(Context, x.Native));

    public Tensor Silu(Tensor x) => new(Ggml.ggml_silu(Context, x.Native));

    /// <summary>silu(gate) * up, element by element.</summary>
    public Tensor SwiGlu(Tensor gate, Tensor up) => new(Ggml.ggml_swiglu_split(Context, gate.Native, up.Native));

    public Tensor Relu(Tensor x) => new(Ggml.ggml_relu(Context, x.Native));

    /// <summary>Rotates the heads of x [head, heads, rows] by the rows' positions (Su et al., arXiv 2104.09864).</summary>
    /// <param name="x">Queries or keys.</param>
    /// <param name="positions">A position for each row.</param>
    /// <param name="rotation">How they are rotated.</param>
    public Tensor Rotate(Tensor x, Tensor positions, Rotation rotation) =>
        new(
            Ggml.ggml_rope_ext(
                Context,
                x.Native,
                positions.Native,
                rotation.Factors.Native,
                rotation.Width,
                rotation.IsByHalves ? GgmlRopeNeox : 0,
                0,
                rotation.Base,
                rotation.Scale,
                0,
                1,
                0,
                0
            )
        );

    /// <summary>
    /// softmax(scale * k^T q) v, summed in float32: query [head, queries, heads, slices], key [head, tokens, heads, slices], value
    /// [size, tokens, heads, slices] -> [size, heads, queries, slices]. A mask [tokens, queries] in half precision is added to the scores,
    /// times each head's slope where there is a largest bias (ALiBi; Press et al., arXiv 2108.12409).
    /// </summary>
    public Tensor FlashAttention(Tensor query, Tensor key, Tensor value, float scale, Tensor mask = default, float largestBias = 0)
    {
        ggml_tensor* mixed = Ggml.ggml_flash_attn_ext(Context, query.Native, key.Native, value.Native, mask.Native, scale, largestBias, 0);
        Ggml.ggml_flash_attn_ext_set_prec(mixed, mayRound && IsOnProcessor ? ggml_prec.GGML_PREC_UNDEFINED : ggml_prec.GGML_PREC_F32);
        return new Tensor(mixed);
    }

    /// <summary>softmax(scale * x) over the fastest dimension.</summary>
    public Tensor Softmax(Tensor x, float scale) => new(Ggml.ggml_soft_max_ext(Context, x.Native, null, scale, 0));

    /// <summary>Product of activations: a [k, m, ...], b [k, n, ...] -> [m, n, ...].</summary>
    public Tensor Product(Tensor a, Tensor b) => new(Ggml.ggml_mul_mat(Context, a.Native, b.Native));

    /// <summary>
    /// A convolution of each channel by itself, with zeros around the map so that it keeps its size: kernel [channels, side * side] and map
    /// [channels, columns, rows] -> the same shape.
    /// </summary>
    public Tensor ConvolveChannels(Tensor kernel, Tensor map, int side)
    {
        long channels = map.Size(0);
        Tensor window = Permute(Reshape(kernel, channels, 1, side, side), 3, 2, 0, 1); // [side, side, 1, channels], channels densest
        Tensor planes = Permute(Reshape(map, channels, map.Size(1), map.Size(2)), 2, 0, 1, 3); // [columns, rows, channels]
        var convolved = new Tensor(Ggml.ggml_conv_2d_dw_direct(Context, window.Native, planes.Native, 1, 1, side / 2, side / 2, 1, 1));
        return Permute(convolved, 1, 2, 0, 3);
    }

    /// <summary>Zeros behind each row: [n, ...] -> [n + count, ...].</summary>
    public Tensor PadRows(Tensor x, int count) => new(Ggml.ggml_pad(Context, x.Native, count, 0, 0, 0));

    /// <summary>Zeros at the right of a map and below: [width, columns, rows, n] -> [width, columns + right, rows + below, n].</summary>
    public Tensor PadMap(Tensor x, int right, int below) => new(Ggml.ggml_pad(Context, x.Native, 0, right, below, 0));

    /// <summary>A contiguous copy in half precision.</summary>
    public Tensor ToHalf(Tensor x) => new(Ggml.ggml_cast(Context, x.Native, ggml_type.GGML_TYPE_F16));

    /// <summary>A contiguous copy in single precision.</summary>
    public Tensor ToSingle(Tensor x) => new(Ggml.ggml_cast(Context, x.Native, ggml_type.GGML_TYPE_F32));

    /// <summary>The same elements in another shape; x must be contiguous.</summary>
    public Tensor Reshape(Tensor x, long size0, long size1 = 1, long size2 = 1, long size3 = 1) =>
        new(Ggml.ggml_reshape_4d(Context, x.Native, size0, size1, size2, size3));

    /// <summary>A window into x: sizes, byte strides of dimensions 1 to 3, and the byte offset.</summary>
    public Tensor View(Tensor x, (long, long, long, long) sizes, (nuint, nuint, nuint) strides, nuint offset) =>
        new(
            Ggml.ggml_view_4d(
                Context,
                x.Native,
                sizes.Item1,
                sizes.Item2,
                sizes.Item3,
                sizes.Item4,
                strides.Item1,
                strides.Item2,
                strides.Item3,
                offset
            )
        );

    /// <summary>Reorders dimensions: dimension i of x becomes dimension axis_i of the result; no data moves.</summary>
    public Tensor Permute(Tensor x, int axis0, int axis1, int axis2, int axis3) =>
        new(Ggml.ggml_permute(Context, x.Native, axis0, axis1, axis2, axis3));

    /// <summary>A contiguous copy.</summary>
    public Tensor Contiguous(Tensor x) => new(Ggml.ggml_cont(Context, x.Native));

    /// <summary>Joins a and b along a dimension.</summary>
    public Tensor Concat(Tensor a, Tensor b, int dimension) => new(Ggml.ggml_concat(Context, a.Native, b.Native, dimension));

    /// <summary>Repeats x to a larger shape.</summary>
    public Tensor Repeat(Tensor x, long size0, long size1, long size2 = 1, long size3 = 1) =>
        new(Ggml.ggml_repeat_4d(Context, x.Native, size0, size1, size2, size3));

    /// <summary>Rows of x [width, n] by index: [width, indices].</summary>
    public Tensor Rows(Tensor x, Tensor indices) => new(Ggml.ggml_get_rows(Context, x.Native, indices.Native));

    /// <summary>Puts rows [width, n] into a table [width, rows], in the places that 64-bit indices [n] name and converted to its
    /// type.</summary>
    public void StoreRows(Tensor table, Tensor rows, Tensor indices) =>
        Ggml.ggml_build_forward_expand(Native, Ggml.ggml_set_rows(Context, table.Native, rows.Native, indices.Native));

    /// <summary>Copies the inputs' data to the device; the graph must have been placed. Each run needs it: other results take an input's
    /// place once it is used.</summary>
    public void UploadInputs()
    {
        foreach ((Tensor tensor, ReadOnlyMemory<float> data) in floatInputs.Where(static input => IsPlaced(input.Tensor)))
        {
            fixed (float* source = data.Span)
                GgmlBackend.ggml_backend_tensor_set(tensor.Native, source, 0, (nuint)data.Length * sizeof(float));
        }

        foreach ((Tensor tensor, ReadOnlyMemory<int> data) in indexInputs.Where(static input => IsPlaced(input.Tensor)))
        {
            fixed (int* source = data.Span)
                GgmlBackend.ggml_backend_tensor_set(tensor.Native, source, 0, (nuint)data.Length * sizeof(int));
        }
    }

    /// <summary>Copies values to a float32 input, from its given element on; the graph must have been placed.</summary>
    public static void Write(Tensor input, ReadOnlySpan<float> values, long first)
    {
        fixed (float* source = values)
            GgmlBackend.ggml_backend_tensor_set(input.Native, source, (nuint)first * sizeof(float), (nuint)values.Length * sizeof(float));
    }

    /// <summary>Copies values to an input of their type, from its beginning; the graph must have been placed.</summary>
    public static void Write<T>(Tensor input, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        // What no output depends on has no place.
        if (!IsPlaced(input))
            return;
        fixed (T* source = values)
            GgmlBackend.ggml_backend_tensor_set(input.Native, source, 0, (nuint)values.Length * (nuint)sizeof(T));
    }

    /// <summary>Reads values of a float32 output after the run, from its given element on.</summary>
    public static void Read(Tensor output, long first, Span<float> values)
    {
        fixed (float* target = values)
            GgmlBackend.ggml_backend_tensor_get(output.Native, target, (nuint)first * sizeof(float), (nuint)values.Length * sizeof(float));
    }

    /// <summary>Values of a float32 output after the run, from its given element on.</summary>
    public static float[] Read(Tensor output, long first, long count)
    {
        var values = new float[count];
        fixed (float* target = values)
            GgmlBackend.ggml_backend_tensor_get(output.Native, target, (nuint)first * sizeof(float), (nuint)count * sizeof(float));
        return values;
    }

    public void Dispose() => arena.Dispose();

    // What no output depends on has no place.
    private static bool IsPlaced(Tensor input) => input.Native->buffer != 0;

    private Tensor NewInput(string name, ggml_type type, long size0, long size1, long size2, long size3)
    {
        ggml_tensor* tensor = Ggml.ggml_new_tensor_4d(Context, type, size0, size1, size2, size3);
        Ggml.ggml_set_name(tensor, name);
        Ggml.ggml_set_input(tensor);
        return new Tensor(tensor);
    }
}

/// <summary>How queries and keys are rotated by their positions.</summary>
/// <param name="Width">Values of a head that are rotated, from its first.</param>
/// <param name="Base">Base of the frequencies.</param>
/// <param name="Scale">Factor of the positions.</param>
/// <param name="IsByHalves">Whether the first half of the values is paired with the second (GPT-NeoX), or neighbours with each other
/// (LLaMA).</param>
/// <param name="Factors">What each frequency is divided by [width / 2]; null for nothing.</param>
internal readonly record struct Rotation(int Width, float Base, float Scale = 1, bool IsByHalves = false, Tensor Factors = default);
