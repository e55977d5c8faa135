using Iced.Intel;
using Tessera.Compute.Kernels.Products;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.Compute.Kernels.Products.ProductCall;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>
/// <see cref="BlockProducts"/> on AVX2 of columns whose elements are small: products of bytes are added in pairs as words, and words as
/// long as they cannot overflow. 16 columns and 3 rows at a time; ymm4 to ymm9 hold integers, ymm10 to ymm15 words, the sums stay in
/// memory.
/// </summary>
internal static class SmallBlockProducts
{
    private const int VectorBytes = 32,
        RowParts = 4,
        PartRows = RowCount / RowParts,
        WordBits = 16;

    /// <summary>Writes the kernel.</summary>
    public static void Narrow(Assembler code, BlockLayout layout)
    {
        SumBlock.InParts(
            code,
            RowParts,
            () => BlockProducts.ToRightColumns(code, layout),
            () =>
            {
                Label loop = code.CreateLabel();
                code.cmp(__qword_ptr[Call + AddsToSumsAt], 0);
                code.jne(loop);
                code.vxorps(Ymm(0), Ymm(0), Ymm(0));
                SumBlock.EachRow(
                    code,
                    row =>
                    {
                        code.vmovups(__[Walk], Ymm(0));
                        code.vmovups(__[Walk + VectorBytes], Ymm(0));
                    },
                    PartRows
                );
                code.Label(ref loop);
                for (int group = 0; group < layout.GroupCount; group++)
                {
                    Begin(code, layout, group);
                    for (int cell = 0; cell < layout.GroupCells; cell += layout.CellsInWords)
                        Multiply(code, layout, group, cell, Math.Min(layout.CellsInWords, layout.GroupCells - cell));
                    Scale(code, layout, group);
                }

                BlockProducts.Advance(code, layout, loop);
            }
        );
    }

    private static AssemblerRegisterYMM Integer(int row, int half) => Ymm(4 + 2 * row + half);

    private static AssemblerRegisterYMM Words(int row, int half) => Ymm(10 + 2 * row + half);

    // What is too much, where elements do not count from zero: rows hold it for elements that count from 128.
    private static void Begin(Assembler code, BlockLayout layout, int group)
    {
        for (int row = 0; row < PartRows; row++)
        {
            if (layout.HasLeast)
            {
                code.vpxor(Integer(row, 0), Integer(row, 0), Integer(row, 0));
            }
            else
            {
                code.vpbroadcastd(Integer(row, 0), __dword_ptr[Rows + (layout.ExcessOfRows(group) + row * CellBytes)]);
                code.vpsrad(Integer(row, 0), Integer(row, 0), (byte)layout.ExcessShift);
            }

            code.vmovdqa(Integer(row, 1), Integer(row, 0));
        }
    }

    private static void Multiply(Assembler code, BlockLayout layout, int group, int firstCell, int count)
    {
        for (int cell = firstCell; cell < firstCell + count; cell++)
        {
            int columns = group * layout.GroupBytes + cell * BlockLayout.ColumnsCell,
                rows = (group * layout.GroupCells + cell) * BlockLayout.RowsCell;
            code.vmovdqu(Ymm(0), __[Columns + columns]);
            code.vmovdqu(Ymm(1), __[Columns + (columns + VectorBytes)]);
            for (int row = 0; row < PartRows; row++)
            {
                code.vpbroadcastd(Ymm(2), __dword_ptr[Rows + (rows + row * CellBytes)]);
                for (int half = 0; half < 2; half++)
                {
                    AssemblerRegisterYMM words = Words(row, half),
                        product = cell == firstCell ? words : Ymm(3);
                    code.vpmaddubsw(product, Ymm(half), Ymm(2));
                    if (cell > firstCell)
                        code.vpaddw(words, words, product);
                }
            }
        }

        // Ones, to add the words in pairs.
        code.vpcmpeqw(Ymm(0), Ymm(0), Ymm(0));
        code.vpsrlw(Ymm(0), Ymm(0), WordBits - 1);
        for (int row = 0; row < PartRows; row++)
        {
            for (int half = 0; half < 2; half++)
            {
                code.vpmaddwd(Words(row, half), Words(row, half), Ymm(0));
                code.vpaddd(Integer(row, half), Integer(row, half), Words(row, half));
            }
        }
    }

    private static void Scale(Assembler code, BlockLayout layout, int group)
    {
        int scales = group * layout.GroupBytes + layout.GroupCells * BlockLayout.ColumnsCell;
        code.vmovups(Ymm(0), __[Columns + scales]);
        code.vmovups(Ymm(1), __[Columns + (scales + VectorBytes)]);
        SumBlock.EachRow(
            code,
            row =>
            {
                code.vbroadcastss(Ymm(2), __dword_ptr[Rows + (layout.ScaleOfRows + row * CellBytes)]);
                if (layout.HasLeast)
                    code.vbroadcastss(Ymm(3), __dword_ptr[Rows + (layout.SumOfRows + row * CellBytes)]);
                for (int half = 0; half < 2; half++)
                {
                    AssemblerRegisterYMM integer = Integer(row, half),
                        factor = Words(row, half);
                    code.vmulps(factor, Ymm(half), Ymm(2));
                    code.vcvtdq2ps(integer, integer);
                    code.vfmadd213ps(integer, factor, __[Walk + half * VectorBytes]);
                    if (layout.HasLeast)
                        code.vfmadd231ps(integer, Ymm(3), __[Columns + (scales + BlockLayout.ColumnsCell + half * VectorBytes)]);
                    code.vmovups(__[Walk + half * VectorBytes], integer);
                }
            },
            PartRows
        );
    }
}
