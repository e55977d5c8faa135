using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>
/// The weights of one vision model: an encoder declares each tensor it needs with its shape, then <see cref="Upload"/> copies them
/// from the file to the device, or leaves them where the file is mapped. Matrices keep the file's type unless another is wanted; everything
/// else becomes float32.
/// </summary>
internal sealed class WeightStore : IDisposable
{
    private const int MatrixUnitColumns = 32;
    private readonly GgufFile file;
    private readonly VisionType matrixType;
    private readonly MatrixPlacement placement;
    private readonly WeightMemory memory;
    private readonly InPlaceWeights inPlace;
    private readonly Dictionary<string, Tensor> matrices = new(StringComparer.Ordinal);
    private readonly Lazy<MappedFiles> mapped;

    /// <param name="device">Where the weights go; must outlive the store.</param>
    /// <param name="file">Where they come from; must outlive the store.</param>
    /// <param name="matrixType">The type that matrices get.</param>
    public WeightStore(ComputeDevice device, GgufFile file, VisionType matrixType = VisionType.File)
    {
        this.file = file;
        this.matrixType = matrixType;
        placement = new MatrixPlacement(device);
        memory = new WeightMemory(device, file, placement);
        inPlace = new InPlaceWeights(file);
        mapped = new Lazy<MappedFiles>(() =>
            MappedFiles.Hold([.. file.Whole.Select(static part => part.Path)], file.Whole.Sum(static part => part.FileLength))
        );
    }

    /// <summary>Bytes on the device, once uploaded.</summary>
    public long ByteLength { get; private set; }

    /// <summary>Whether a matrix lies in the mapped file.</summary>
    public bool IsMapped { get; private set; }

    /// <summary>Whether others may change what lies in the mapped file.</summary>
    public bool IsExposed => IsMapped && mapped.Value.AreExposed;

    /// <summary>Whether a matrix is quantized, so that exact products of the others would gain nothing.</summary>
    public bool IsQuantized { get; private set; }

    public bool Has(string name) => file.TryGetTensor(name, out _);

    /// <summary>The fastest dimension of a tensor, which of a matrix is its inputs; 0 if there is no such tensor.</summary>
    public long InputCount(string name) => file.TryGetTensor(name, out GgufTensor? tensor) ? tensor.Shape[0] : 0;

    /// <summary>A matrix for <see cref="Graph.Project"/>: [inputs, outputs], in the file's type.</summary>
    /// <exception cref="ModelFileException">It is missing, has another shape, or a type that cannot be multiplied.</exception>
    public Tensor Matrix(string name, long inputs, long outputs) => matrices[name] = DeclareMatrix(name, inputs, outputs);

    /// <summary>Finds a weight that <see cref="Matrix"/> declared.</summary>
    public bool TryGetMatrix(string name, out Tensor weight) => matrices.TryGetValue(name, out weight);

    /// <summary>Whether matrices stay in the mapped file that the processor's kernels would not repack, as a language model's many
    /// do.</summary>
    public bool KeepsPlainMapped { get; init; }

    /// <summary>A table whose rows are looked up: [width, rows], in the file's type and in plain memory.</summary>
    /// <exception cref="ModelFileException">It is missing, has another shape, or a type that cannot be looked up.</exception>
    public Tensor Table(string name, long width, long rows)
    {
        GgufTensor part = file.RequireMatrix(name, width, rows);
        if (!placement.IsOnProcessor || !InPlaceWeights.Takes(part) || !mapped.Value.MayStay)
            return Declare([part], (ggml_type)(int)part.Type, placement.DefaultBufferType, width, rows);
        IsMapped = true;
        return inPlace.Declare(part, width, rows);
    }

    /// <summary>A matrix [inputs, outputs] with zeros around it: [paddedInputs, paddedOutputs].</summary>
    /// <exception cref="ModelFileException">It is missing, has another shape, or a type that cannot be multiplied or padded.</exception>
    public Tensor PaddedMatrix(string name, long inputs, long outputs, long paddedInputs, long paddedOutputs)
    {
        if (paddedInputs == inputs && paddedOutputs == outputs)
            return Matrix(name, inputs, outputs);
        GgufTensor part = file.RequireMatrix(name, inputs, outputs);
        ggml_type type = placement.TypeInMemory((ggml_type)(int)part.Type, matrixType, paddedInputs);
        return Declare([part], type, placement.BufferType(type, paddedInputs, paddedOutputs), paddedInputs, paddedOutputs);
    }

    /// <summary>
    /// A width that the processor's matrix units take, at or above the one given: their products come in 32 columns (ggml 0.25.1,
    /// src/ggml-cpu/amx/amx.cpp). GPUs and Tessera's own kernels take any.
    /// </summary>
    public int PaddedWidth(int width) =>
        placement.IsOnProcessor && !placement.ReadsInPlace
            ? (width + MatrixUnitColumns - 1) / MatrixUnitColumns * MatrixUnitColumns
            : width;

    /// <summary>Matrices of equal type stacked along their outputs, so that one product computes all: [inputs, n * outputs].</summary>
    /// <exception cref="ModelFileException">One is missing, has another shape, or a type that cannot be multiplied.</exception>
    public Tensor JoinedMatrix(IReadOnlyList<string> names, long inputs, long outputs)
    {
        GgufTensor[] parts = [.. names.Select(name => file.RequireMatrix(name, inputs, outputs))];
        ggml_type type = placement.TypeInMemory((ggml_type)(int)parts[0].Type, matrixType, inputs);
        return Declare(parts, type, placement.BufferType(type, inputs, outputs * parts.Length), inputs, outputs * parts.Length);
    }

    /// <summary>Whether <see cref="JoinedMatrix"/> takes tensors, which must share one type, and one product is faster than
    /// several.</summary>
    public bool CanJoin(IEnumerable<string> names) =>
        !placement.ReadsInPlace
        && names.Select(name => file.TryGetTensor(name, out GgufTensor? tensor) ? tensor.Type : (GgufTensorType?)null).Distinct().Count()
            == 1;

    /// <summary>A 4-D convolution kernel [patch, patch, channels, outputs] as the matrix [patch * patch * channels, outputs].</summary>
    /// <exception cref="ModelFileException">It is missing or has another shape or type.</exception>
    public Tensor PatchKernel(string name, long patchSize, long channels, long outputs)
    {
        GgufTensor tensor = file.RequirePatchKernel(name, patchSize, channels, outputs);
        return Declare([tensor], (ggml_type)(int)tensor.Type, placement.DefaultBufferType, patchSize * patchSize * channels, outputs);
    }

    /// <summary>A vector or table as float32: [width, rows].</summary>
    /// <exception cref="ModelFileException">It is missing or has another number of elements.</exception>
    public Tensor Values(string name, long width, long rows = 1) => JoinedValues([name], width, rows);

    /// <summary>Vectors laid end to end as float32: [n * width].</summary>
    /// <exception cref="ModelFileException">One is missing or has another number of elements.</exception>
    public Tensor JoinedValues(IReadOnlyList<string> names, long width, long rows = 1)
    {
        GgufTensor[] parts = [.. names.Select(name => file.RequireValues(name, width * rows))];
        return Declare(parts, ggml_type.GGML_TYPE_F32, placement.DefaultBufferType, parts.Length == 1 ? width : width * parts.Length, rows);
    }

    /// <summary>A vector as float32 in ordinary memory, for merging outside the graph; read at once.</summary>
    /// <exception cref="ModelFileException">It is missing or has another number of elements.</exception>
    public float[] HostValues(string name, long count) => DeclaredWeight.ToFloat(file, file.RequireValues(name, count));

    /// <summary>Rows of a table [width, rows] as float32, read from the file: what is looked up on the processor.</summary>
    /// <exception cref="ModelFileException">It is missing, or has another number of elements.</exception>
    public float[] HostRows(string name, int width, int rowCount, IReadOnlyList<int> indexes)
    {
        GgufTensor table = file.RequireValues(name, (long)width * rowCount);
        var stored = new byte[checked((int)(table.ByteLength / rowCount))];
        var rows = new float[checked(width * indexes.Count)];
        for (int index = 0; index < indexes.Count; index++)
        {
            file.ReadTensorData(table, (long)indexes[index] * stored.Length, stored);
            ElementConversion.ToFloat(table.Type, stored, rows.AsSpan(index * width, width));
        }

        return rows;
    }

    /// <summary>A vector [width] with zeros behind it as float32, or a null tensor where the file has none: [paddedWidth].</summary>
    public Tensor OptionalPaddedValues(string name, long width, long paddedWidth) =>
        Has(name)
            ? Declare([file.RequireValues(name, width)], ggml_type.GGML_TYPE_F32, placement.DefaultBufferType, paddedWidth, 1)
            : default;

    /// <summary>Like <see cref="Values"/>, and a null tensor where the file has none.</summary>
    public Tensor OptionalValues(string name, long width, long rows = 1) => Has(name) ? Values(name, width, rows) : default;

    /// <summary>Takes the weights' memory without touching it, so that it is known how much they take.</summary>
    /// <exception cref="NativeLibraryException">There is not enough memory; the message says how much was needed.</exception>
    public void Reserve()
    {
        ByteLength += memory.Allocate() + inPlace.Attach();
        if (mapped.IsValueCreated)
            mapped.Value.SetMapped();
    }

    /// <summary>Allocates the device memory and copies every declared weight.</summary>
    /// <param name="progress">Told the fraction that has been copied, 0 to 1.</param>
    /// <param name="cancellationToken">Stops between two tensors.</param>
    /// <exception cref="NativeLibraryException">There is not enough memory; the message says how much was needed.</exception>
    public void Upload(IProgress<double>? progress, CancellationToken cancellationToken)
    {
        Reserve();
        memory.Fill(progress, cancellationToken);
    }

    public void Dispose()
    {
        memory.Dispose();
        inPlace.Dispose();
        if (mapped.IsValueCreated)
            mapped.Value.Dispose();
        placement.Dispose();
    }

    private Tensor DeclareMatrix(string name, long inputs, long outputs)
    {
        GgufTensor part = file.RequireMatrix(name, inputs, outputs);
        var type = (ggml_type)(int)part.Type;
        bool stays =
            IsReadInPlace(type, inputs, outputs) && placement.TypeInMemory(type, matrixType, inputs) == type && InPlaceWeights.Takes(part);
        if (!stays || !mapped.Value.MayStay)
            return JoinedMatrix([name], inputs, outputs);
        IsMapped = true;
        Tensor weight = inPlace.Declare(part, inputs, outputs);
        IsQuantized |= weight.IsQuantized;
        return weight;
    }

    private Tensor Declare(GgufTensor[] parts, ggml_type type, nint bufferType, long width, long rows)
    {
        Tensor tensor = memory.Declare(parts, type, bufferType, width, rows);
        IsQuantized |= tensor.IsQuantized;
        return tensor;
    }

    private bool IsReadInPlace(ggml_type type, long inputs, long outputs) =>
        placement.ReadsInPlace
        || (KeepsPlainMapped && placement.IsOnProcessor && placement.BufferType(type, inputs, outputs) == placement.DefaultBufferType);
}
