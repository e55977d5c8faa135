using Iced.Intel;
using Tessera.Compute.Kernels.Products;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.Compute.Kernels.Products.ProductCall;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>
/// Sums [32 columns, 12 rows] (+)= quantized columns times quantized rows, in blocks of 32 along the depth: integers within a group, then
/// times both scales in single precision.
/// </summary>
internal static class BlockProducts
{
    private const int NarrowBytes = 32,
        HalfRows = RowCount / 2;

    /// <summary>
    /// AVX-512 with VNNI: 16 columns and 12 rows at a time; zmm8 to zmm19 hold integers, zmm20 to zmm31 the sums. Least values come with
    /// scales that are powers of two.
    /// </summary>
    public static void Wide(Assembler code, BlockLayout layout)
    {
        const int FirstInteger = 8,
            FirstSum = FirstInteger + RowCount;
        SumBlock.InParts(
            code,
            rowParts: 1,
            () => ToRightColumns(code, layout),
            () =>
            {
                Label zero = code.CreateLabel(),
                    loop = code.CreateLabel();
                code.cmp(__qword_ptr[Call + AddsToSumsAt], 0);
                code.je(zero);
                SumBlock.EachRow(code, row => code.vmovups(Zmm(FirstSum + row), __[Walk]), RowCount);
                code.jmp(loop);
                code.Label(ref zero);
                for (int row = 0; row < RowCount; row++)
                    code.vpxord(Zmm(FirstSum + row), Zmm(FirstSum + row), Zmm(FirstSum + row));
                code.Label(ref loop);
                for (int group = 0; group < layout.GroupCount; group++)
                {
                    WideIntegers(code, layout, group, FirstInteger);
                    WideScales(code, layout, group, FirstInteger, FirstSum);
                }

                Advance(code, layout, loop);
                SumBlock.EachRow(code, row => code.vmovups(__[Walk], Zmm(FirstSum + row)), RowCount);
            }
        );
    }

    private static void WideIntegers(Assembler code, BlockLayout layout, int group, int firstInteger)
    {
        const int FirstRow = 2,
            RowRegisters = 6;
        int begin = layout.HasLeast ? layout.ScaleOfRows : layout.ExcessOfRows(group);
        for (int row = 0; row < RowCount; row++)
            code.vpbroadcastd(Zmm(firstInteger + row), __dword_ptr[Rows + (begin + row * CellBytes)]);
        for (int cell = 0; cell < layout.GroupCells; cell++)
        {
            AssemblerRegisterZMM columns = Zmm(cell % 2);
            code.vmovdqu32(columns, __[Columns + (group * layout.GroupBytes + cell * BlockLayout.ColumnsCell)]);
            for (int row = 0; row < RowCount; row++)
            {
                AssemblerRegisterZMM spread = Zmm(FirstRow + row % RowRegisters);
                int at = (group * layout.GroupCells + cell) * BlockLayout.RowsCell + row * CellBytes;
                code.vpbroadcastd(spread, __dword_ptr[Rows + at]);
                code.vpdpbusd(Zmm(firstInteger + row), columns, spread);
            }
        }
    }

    private static void WideScales(Assembler code, BlockLayout layout, int group, int firstInteger, int firstSum)
    {
        const int FirstFactor = 2,
            Factors = 6;
        int scales = group * layout.GroupBytes + layout.GroupCells * BlockLayout.ColumnsCell;
        code.vmovups(Zmm(0), __[Columns + scales]);
        if (layout.HasLeast)
            code.vmovups(Zmm(1), __[Columns + (scales + BlockLayout.ColumnsCell)]);
        for (int row = 0; row < RowCount; row++)
        {
            AssemblerRegisterZMM integer = Zmm(firstInteger + row),
                factor = layout.HasPowers ? Zmm(0) : Zmm(FirstFactor + row % Factors);
            AssemblerMemoryOperand scale = __dword_bcst[Rows + (layout.ScaleOfRows + row * CellBytes)];
            if (layout.HasPowers)
            {
                code.vsubps(integer, integer, scale);
            }
            else
            {
                code.vmulps(factor, Zmm(0), scale);
                code.vcvtdq2ps(integer, integer);
            }

            code.vfmadd231ps(Zmm(firstSum + row), factor, integer);
            if (layout.HasLeast)
                code.vfmadd231ps(Zmm(firstSum + row), Zmm(1), __dword_bcst[Rows + (layout.SumOfRows + row * CellBytes)]);
        }
    }

    /// <summary>
    /// Vectors of 256 bits: 16 columns and 6 rows at a time; ymm4 to ymm15 hold integers, the sums stay in memory. Words are multiplied
    /// with AVX2, bytes with AVX-VNNI, or with the same instruction as AVX-512 encodes it.
    /// </summary>
    public static void Narrow(Assembler code, BlockLayout layout, bool isVex)
    {
        SumBlock.InParts(
            code,
            rowParts: 2,
            () => ToRightColumns(code, layout),
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
                        code.vmovups(__[Walk + NarrowBytes], Ymm(0));
                    },
                    HalfRows
                );
                code.Label(ref loop);
                for (int group = 0; group < layout.GroupCount; group++)
                {
                    NarrowIntegers(code, layout, group, isVex);
                    NarrowScales(code, layout, group);
                }

                Advance(code, layout, loop);
            }
        );
    }

    private static AssemblerRegisterYMM NarrowInteger(int row, int half) => Ymm(4 + 2 * row + half);

    private static void NarrowIntegers(Assembler code, BlockLayout layout, int group, bool isVex)
    {
        for (int row = 0; row < HalfRows; row++)
        {
            for (int half = 0; half < 2; half++)
            {
                AssemblerRegisterYMM integer = NarrowInteger(row, half);
                if (layout.HasLeast || layout.IsWords)
                    code.vpxor(integer, integer, integer);
                else
                    code.vpbroadcastd(integer, __dword_ptr[Rows + (layout.ExcessOfRows(group) + row * CellBytes)]);
            }
        }

        for (int cell = 0; cell < layout.GroupCells; cell++)
        {
            int columns = group * layout.GroupBytes + cell * BlockLayout.ColumnsCell,
                rows = (group * layout.GroupCells + cell) * BlockLayout.RowsCell;
            code.vmovdqu(Ymm(0), __[Columns + columns]);
            code.vmovdqu(Ymm(1), __[Columns + (columns + NarrowBytes)]);
            for (int row = 0; row < HalfRows; row++)
            {
                code.vpbroadcastd(Ymm(2), __dword_ptr[Rows + (rows + row * CellBytes)]);
                for (int half = 0; half < 2; half++)
                    MultiplyNarrow(code, layout, NarrowInteger(row, half), Ymm(half), isVex);
            }
        }
    }

    private static void MultiplyNarrow(
        Assembler code,
        BlockLayout layout,
        AssemblerRegisterYMM sum,
        AssemblerRegisterYMM columns,
        bool isVex
    )
    {
        if (layout.IsWords)
        {
            code.vpmaddwd(Ymm(3), columns, Ymm(2));
            code.vpaddd(sum, sum, Ymm(3));
        }
        else if (isVex)
        {
            code.vex.vpdpbusd(sum, columns, Ymm(2));
        }
        else
        {
            code.evex.vpdpbusd(sum, columns, Ymm(2));
        }
    }

    private static void NarrowScales(Assembler code, BlockLayout layout, int group)
    {
        int scales = group * layout.GroupBytes + layout.GroupCells * BlockLayout.ColumnsCell;
        code.vmovups(Ymm(0), __[Columns + scales]);
        code.vmovups(Ymm(1), __[Columns + (scales + NarrowBytes)]);
        SumBlock.EachRow(
            code,
            row =>
            {
                for (int half = 0; half < 2; half++)
                {
                    AssemblerRegisterYMM integer = NarrowInteger(row, half);
                    code.vbroadcastss(Ymm(2), __dword_ptr[Rows + (layout.ScaleOfRows + row * CellBytes)]);
                    code.vmulps(Ymm(3), Ymm(half), Ymm(2));
                    code.vcvtdq2ps(integer, integer);
                    code.vfmadd213ps(integer, Ymm(3), __[Walk + half * NarrowBytes]);
                    if (layout.HasLeast)
                    {
                        int least = scales + BlockLayout.ColumnsCell + half * NarrowBytes;
                        code.vbroadcastss(Ymm(2), __dword_ptr[Rows + (layout.SumOfRows + row * CellBytes)]);
                        code.vfmadd231ps(integer, Ymm(2), __[Columns + least]);
                    }

                    code.vmovups(__[Walk + half * NarrowBytes], integer);
                }
            },
            HalfRows
        );
    }

    // The right columns' blocks lie behind the left ones'.
    internal static void ToRightColumns(Assembler code, BlockLayout layout)
    {
        code.imul(Walk, Steps, layout.ColumnsBytes);
        code.add(Columns, Walk);
    }

    internal static void Advance(Assembler code, BlockLayout layout, Label loop)
    {
        code.add(Rows, layout.RowsBytes);
        code.add(Columns, layout.ColumnsBytes);
        code.dec(Steps);
        code.jne(loop);
    }
}
