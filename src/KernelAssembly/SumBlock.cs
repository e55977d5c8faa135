using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.Compute.Kernels.Products.ProductCall;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>What the products' kernels share: how a call is read, and how its block of sums is taken in parts.</summary>
internal static class SumBlock
{
    private const int ColumnParts = 2;

    /// <summary>Loads the call's fields.</summary>
    public static void LoadFields(Assembler code)
    {
        code.mov(Rows, __qword_ptr[Call + RowsAt]);
        code.mov(Columns, __qword_ptr[Call + ColumnsAt]);
        code.mov(Sums, __qword_ptr[Call + SumsAt]);
        code.mov(SumStride, __qword_ptr[Call + SumStrideAt]);
        code.mov(Steps, __qword_ptr[Call + StepsAt]);
    }

    /// <summary>Writes instructions for each row of sums, which they find at <see cref="Walk"/>.</summary>
    public static void EachRow(Assembler code, Action<int> write, int rowCount)
    {
        code.mov(Walk, Sums);
        for (int row = 0; row < rowCount; row++)
        {
            write(row);
            if (row + 1 < rowCount)
                code.add(Walk, SumStride);
        }
    }

    /// <summary>Computes the left and the right 16 columns of sums one after the other, and of each some rows after others.</summary>
    /// <param name="code">Gets the kernel.</param>
    /// <param name="rowParts">1, or as many as take an equal share of the rows.</param>
    /// <param name="toRightColumns">Moves <see cref="Columns"/> to those of the right.</param>
    /// <param name="write">Writes what computes a part.</param>
    public static void InParts(Assembler code, int rowParts, Action toRightColumns, Action write)
    {
        Label body = code.CreateLabel();
        for (int index = 0; index < ColumnParts * rowParts; index++)
        {
            LoadFields(code);
            if (index % rowParts is > 0 and var part)
            {
                int rows = part * (RowCount / rowParts);
                code.add(Rows, rows * CellBytes);
                code.imul(Walk, SumStride, rows);
                code.add(Sums, Walk);
            }

            if (index / rowParts == 1)
            {
                toRightColumns();
                code.add(Sums, ColumnCount / ColumnParts * sizeof(float));
            }

            code.call(body);
        }

        code.vzeroupper();
        code.ret();
        code.Label(ref body);
        write();
        code.ret();
    }
}
