using System.Globalization;
using System.Text;
using Iced.Intel;
using Tessera.Compute.Kernels.Products;

namespace Tessera.KernelAssembly;

/// <summary>All kernels, and the page of C# that holds their instructions.</summary>
public static class KernelTable
{
    /// <summary>Where the page lies in the repository.</summary>
    public const string Path = "src/Engine/Compute/Kernels/Code/MachineCode.g.cs";

    private static readonly Kernel[] Kernels =
    [
        new("FloatsWide", "Products in single precision on AVX-512.", CellProducts.FloatsWide),
        new("HalvesWide", "Products in bfloat16 on AVX-512.", CellProducts.HalvesWide),
        new("FloatsNarrow", "Products in single precision on AVX2.", CellProducts.FloatsNarrow),
        new("ConfigureUnit", "Configures this thread's matrix unit.", MatrixUnitKernels.Configure, KeepsVectors: true),
        new("SaveUnit", "Saves the configuration of this thread's matrix unit.", MatrixUnitKernels.Save, KeepsVectors: true),
        new("MultiplyOnUnit", "Products of tiles of bfloat16 on AMX.", MatrixUnitKernels.Multiply, KeepsVectors: true),
        new("WidenHalves", "Half precision to single.", Conversions.WidenHalves, KeepsVectors: true),
        new("ColumnsWide", "Products of a row with columns of Q8_0 on AVX-512 with VNNI.", ColumnDotKernels.Wide),
        new("ColumnsNarrow", "Products of a row with columns of Q8_0 on AVX2.", ColumnDotKernels.Narrow),
        new("LanesWide", "Products of eight rows with columns of Q8_0 on AVX-512 with VNNI.", LaneProducts.Wide),
        new("LanesNarrow", "Products of eight rows with columns of Q8_0 on AVX2.", LaneProducts.Narrow),
        new("NibblesWide", "Products of eight rows with interleaved columns of Q4_K on AVX-512 with VNNI.", LaneNibbles.Wide),
        new("NibblesNarrow", "Products of eight rows with interleaved columns of Q4_K on AVX2.", LaneNibbles.Narrow),
        new("SuperNibblesWide", "Products of a row with interleaved columns of Q4_K on AVX-512 with VNNI.", SuperNibbles.Wide),
        new("SuperNibblesNarrow", "Products of a row with interleaved columns of Q4_K on AVX2.", SuperNibbles.Narrow),
        new("SixBitsWide", "Products of a row with columns of Q6_K on AVX-512 with VNNI.", SuperSixBits.Wide),
        new("SixBitsNarrow", "Products of a row with columns of Q6_K on AVX2.", SuperSixBits.Narrow),
        .. Blocks("Symmetric", "one scale a block", BlockLayout.Symmetric),
        new("SymmetricWords", "Products of blocks, one scale a block, on AVX2.", SymmetricWords),
        .. SmallBlocks("Symmetric", "one scale a block", BlockLayout.Symmetric, 4, 5),
        .. Blocks("Halved", "two scales a block", BlockLayout.Halved),
        .. SmallBlocks("Halved", "two scales a block", BlockLayout.Halved, 6),
        .. Blocks("Least", "a scale and a least value a block", BlockLayout.Least),
        .. SmallBlocks("Least", "a scale and a least value a block", BlockLayout.Least, 4, 5),
    ];

    private static void SymmetricWords(Assembler code) =>
        BlockProducts.Narrow(code, BlockLayout.Symmetric with { IsWords = true }, isVex: true);

    private static Kernel[] Blocks(string name, string what, BlockLayout bytes) =>
        [
            new($"{name}Wide", $"Products of blocks, {what}, on AVX-512 with VNNI.", code => BlockProducts.Wide(code, bytes.Wide)),
            new($"{name}Vnni", $"Products of blocks, {what}, on AVX-VNNI.", code => BlockProducts.Narrow(code, bytes, isVex: true)),
        ];

    private static IEnumerable<Kernel> SmallBlocks(string name, string what, BlockLayout bytes, params int[] sizes) =>
        sizes.Select(bits => new Kernel(
            $"{name}Of{bits}Bits",
            $"Products of blocks of {bits} bits, {what}, on AVX2.",
            code => SmallBlockProducts.Narrow(code, bytes with { Bits = bits })
        ));

    /// <summary>The page.</summary>
    public static string Write()
    {
        var page = new StringBuilder();
        page.Append(
            """
            // Written by src/KernelAssembly, which says what each instruction is for: dotnet run --project src/KernelAssembly
            namespace Tessera.Compute.Kernels.Code;

            /// <summary>The kernels, in the order in which they lie in memory.</summary>
            internal enum MachineCodeKernel
            {

            """
        );
        foreach (Kernel kernel in Kernels)
            page.Append(CultureInfo.InvariantCulture, $"    /// <summary>{kernel.Summary}</summary>\n    {kernel.Name},\n");
        page.Append(
            """
            }

            /// <summary>The kernels' instructions: each begins with its entry for System V's calling convention.</summary>
            internal static class MachineCode
            {
                /// <summary>A kernel's code.</summary>
                public static ReadOnlySpan<byte> Of(MachineCodeKernel kernel) =>
                    kernel switch
                    {

            """
        );
        foreach (Kernel kernel in Kernels)
            page.Append(CultureInfo.InvariantCulture, $"            MachineCodeKernel.{kernel.Name} => {kernel.Name},\n");
        page.Append("            _ => default,\n        };\n\n");
        page.Append("    /// <summary>Where in it the entry for Windows' convention lies.</summary>\n");
        page.Append("    public static int EntryForWindows(MachineCodeKernel kernel) =>\n        kernel switch\n        {\n");
        foreach (Kernel kernel in Kernels)
            page.Append(
                CultureInfo.InvariantCulture,
                $"            MachineCodeKernel.{kernel.Name} => {kernel.Assemble().WindowsEntry},\n"
            );
        page.Append("            _ => 0,\n        };\n");
        foreach (Kernel kernel in Kernels)
        {
            page.Append('\n');
            Write(page, kernel);
        }

        return page.Append("}\n").ToString();
    }

    private static void Write(StringBuilder page, Kernel kernel)
    {
        (byte[] code, _) = kernel.Assemble();
        var formatter = new NasmFormatter();
        var text = new StringOutput();
        page.Append(CultureInfo.InvariantCulture, $"    private static ReadOnlySpan<byte> {kernel.Name} =>\n        [\n");
        var decoder = Iced.Intel.Decoder.Create(64, code);
        while (decoder.IP < (ulong)code.Length)
        {
            var start = (int)decoder.IP;
            Instruction instruction = decoder.Decode();
            formatter.Format(instruction, text);
            string bytes = string.Concat(code[start..(start + instruction.Length)].Select(static value => $"0x{value:x2}, "));
            page.Append(CultureInfo.InvariantCulture, $"            {bytes}// {start}: {text.ToStringAndReset()}\n");
        }

        page.Append("        ];\n");
    }
}
