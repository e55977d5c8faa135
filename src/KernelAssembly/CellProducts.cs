using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.Compute.Kernels.Products.ProductCall;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>
/// Sums [32 columns, 12 rows] (+)= columns [32, steps] times rows [12, steps] of cells that are multiplied and added in one instruction.
/// A row's cell is spread over a vector; that vector times 16 (or 8) columns' cells goes to the sums, which stay in registers.
/// </summary>
internal static class CellProducts
{
    private const int Unrolled = 4,
        WideBytes = 64,
        RowBytes = RowCount * CellBytes,
        ColumnBytes = ColumnCount * CellBytes;

    /// <summary>Single precision on AVX-512.</summary>
    public static void FloatsWide(Assembler code) => Wide(code, (sum, columns, row) => code.vfmadd231ps(sum, columns, row));

    /// <summary>Pairs of bfloat16 on AVX-512.</summary>
    public static void HalvesWide(Assembler code) => Wide(code, (sum, columns, row) => code.vdpbf16ps(sum, columns, row));

    // zmm8 to zmm31: the sums, two of each row; zmm0 and zmm1: the columns; zmm2 to zmm7: rows' cells.
    private static void Wide(Assembler code, Action<AssemblerRegisterZMM, AssemblerRegisterZMM, AssemblerRegisterZMM> multiply)
    {
        const int FirstSum = 8,
            FirstRow = 2,
            RowRegisters = FirstSum - FirstRow;
        SumBlock.LoadFields(code);
        Label zero = code.CreateLabel(),
            loop = code.CreateLabel();
        code.cmp(__qword_ptr[Call + AddsToSumsAt], 0);
        code.je(zero);
        SumBlock.EachRow(
            code,
            row =>
            {
                code.vmovups(Zmm(FirstSum + 2 * row), __[Walk]);
                code.vmovups(Zmm(FirstSum + 2 * row + 1), __[Walk + WideBytes]);
            },
            RowCount
        );
        code.jmp(loop);
        code.Label(ref zero);
        for (int sum = 0; sum < 2 * RowCount; sum++)
            code.vpxord(Zmm(FirstSum + sum), Zmm(FirstSum + sum), Zmm(FirstSum + sum));
        code.Label(ref loop);
        for (int step = 0; step < Unrolled; step++)
        {
            code.vmovups(Zmm(0), __[Columns + step * ColumnBytes]);
            code.vmovups(Zmm(1), __[Columns + (step * ColumnBytes + WideBytes)]);
            for (int row = 0; row < RowCount; row++)
            {
                AssemblerRegisterZMM cell = Zmm(FirstRow + row % RowRegisters);
                code.vbroadcastss(cell, __dword_ptr[Rows + (step * RowBytes + row * CellBytes)]);
                multiply(Zmm(FirstSum + 2 * row), Zmm(0), cell);
                multiply(Zmm(FirstSum + 2 * row + 1), Zmm(1), cell);
            }
        }

        code.add(Rows, Unrolled * RowBytes);
        code.add(Columns, Unrolled * ColumnBytes);
        code.sub(Steps, Unrolled);
        code.jg(loop);
        SumBlock.EachRow(
            code,
            row =>
            {
                code.vmovups(__[Walk], Zmm(FirstSum + 2 * row));
                code.vmovups(__[Walk + WideBytes], Zmm(FirstSum + 2 * row + 1));
            },
            RowCount
        );
        code.vzeroupper();
        code.ret();
    }

    /// <summary>Single precision on AVX2: four quarters of 16 columns and 6 rows.</summary>
    public static void FloatsNarrow(Assembler code)
    {
        const int NarrowBytes = 32,
            HalfRows = RowCount / 2,
            FirstSum = 4;
        SumBlock.InParts(
            code,
            rowParts: 2,
            () => code.add(Columns, ColumnBytes / 2),
            () =>
            {
                Label zero = code.CreateLabel(),
                    loop = code.CreateLabel();
                code.cmp(__qword_ptr[Call + AddsToSumsAt], 0);
                code.je(zero);
                SumBlock.EachRow(
                    code,
                    row =>
                    {
                        code.vmovups(Ymm(FirstSum + 2 * row), __[Walk]);
                        code.vmovups(Ymm(FirstSum + 2 * row + 1), __[Walk + NarrowBytes]);
                    },
                    HalfRows
                );
                code.jmp(loop);
                code.Label(ref zero);
                for (int sum = 0; sum < 2 * HalfRows; sum++)
                    code.vxorps(Ymm(FirstSum + sum), Ymm(FirstSum + sum), Ymm(FirstSum + sum));
                code.Label(ref loop);
                for (int step = 0; step < Unrolled; step++)
                {
                    code.vmovups(Ymm(0), __[Columns + step * ColumnBytes]);
                    code.vmovups(Ymm(1), __[Columns + (step * ColumnBytes + NarrowBytes)]);
                    for (int row = 0; row < HalfRows; row++)
                    {
                        AssemblerRegisterYMM cell = Ymm(2 + row % 2);
                        code.vbroadcastss(cell, __dword_ptr[Rows + (step * RowBytes + row * CellBytes)]);
                        code.vfmadd231ps(Ymm(FirstSum + 2 * row), Ymm(0), cell);
                        code.vfmadd231ps(Ymm(FirstSum + 2 * row + 1), Ymm(1), cell);
                    }
                }

                code.add(Rows, Unrolled * RowBytes);
                code.add(Columns, Unrolled * ColumnBytes);
                code.sub(Steps, Unrolled);
                code.jg(loop);
                SumBlock.EachRow(
                    code,
                    row =>
                    {
                        code.vmovups(__[Walk], Ymm(FirstSum + 2 * row));
                        code.vmovups(__[Walk + NarrowBytes], Ymm(FirstSum + 2 * row + 1));
                    },
                    HalfRows
                );
            }
        );
    }
}
