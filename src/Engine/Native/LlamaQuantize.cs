using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of the quantizing part of <c>include/llama.h</c>; the older edition's struct ends before
/// <c>max_buf_size</c>.</summary>
internal static unsafe partial class LlamaQuantize
{
    private const string Library = NativeLibraries.Llama;

    // GGML_TYPE_COUNT of ggml.h, which says "no type".
    private const int NoTypeOfRelease = 43;

    [LibraryImport(Library)]
    internal static partial llama_model_quantize_params llama_model_quantize_default_params();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial uint llama_model_quantize(string fname_inp, string fname_out, llama_model_quantize_params* parameters);

    /// <summary>What <c>llama_model_quantize_default_params</c> returns, compared with what is documented (src/llama-quant.cpp).</summary>
    /// <exception cref="NativeLibraryException">The struct has another layout.</exception>
    internal static llama_model_quantize_params Defaults()
    {
        llama_model_quantize_params parameters = llama_model_quantize_default_params();
        if (LlamaEdition.Current != LlamaEdition.Release)
            parameters.max_buf_size = 0;
        bool fits =
            parameters
                is {
                    nthread: 0,
                    ftype: 7,
                    allow_requantize: 0,
                    quantize_output_tensor: 1,
                    only_copy: 0,
                    pure: 0,
                    keep_split: 0,
                    dry_run: 0,
                    kv_overrides: 0,
                    prune_layers: null,
                }
            && parameters.imatrix == null
            && parameters.tt_overrides == 0
            && parameters.output_tensor_type == parameters.token_embedding_type
            && parameters.output_tensor_type is > 38 and <= NoTypeOfRelease;
        return fits
            ? parameters
            : throw new NativeLibraryException(
                "llama_model_quantize_default_params has other defaults than documented, so this llama.cpp cannot quantize."
            );
    }
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct llama_model_quantize_params
{
    public int nthread;
    public int ftype;
    public int output_tensor_type;
    public int token_embedding_type;
    public byte allow_requantize;
    public byte quantize_output_tensor;
    public byte only_copy;
    public byte pure;
    public byte keep_split;
    public byte dry_run;
    public llama_model_imatrix_data* imatrix;
    public nint kv_overrides;
    public nint tt_overrides;
    public int* prune_layers;
    public nuint max_buf_size;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct llama_model_imatrix_data
{
    public byte* name;
    public float* data;
    public nuint size;
}
