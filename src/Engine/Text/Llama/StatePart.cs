namespace Tessera.Text.Llama;

/// <summary>What kind of cache wrote a part of a saved state, and what of it cannot be read off the part itself.</summary>
/// <param name="IsRecurrent">A recurrent state, one cell for a sequence; otherwise keys and values, a cell for each position.</param>
/// <param name="ExtensionLength">Bytes that each cell has beyond its position: further axes of it, and a token.</param>
/// <param name="HasValues">Whether layers keep values beside keys.</param>
internal readonly record struct StateForm(bool IsRecurrent, int ExtensionLength = 0, bool HasValues = true);

/// <summary>The rows of one layer's keys, values or recurrent state.</summary>
/// <param name="Type">ggml's number of their type.</param>
/// <param name="CellLength">Bytes for each cell.</param>
internal readonly record struct StateRows(int Type, long CellLength);

/// <summary>
/// One cache's part of a saved state, as libllama writes it for one sequence (ggml-org/llama.cpp v0.5.0: src/llama-kv-cache.cpp and
/// src/llama-memory-recurrent.cpp, state_write).
/// </summary>
/// <param name="form">What kind it is.</param>
internal sealed class StatePart(StateForm form)
{
    private const int TypeF32 = 0,
        TypeF16 = 1,
        TypeQ8_0 = 8,
        TypeBF16 = 30;
    private const int Q8BlockLength = 34;
    private const int MostLayers = 4096;
    private const long LongestRow = 1 << 28;
    private readonly List<StateRows> rows = [];
    private int layerCount,
        isTransposed;

    public StateForm Form => form;

    /// <summary>Bytes that the part takes with so many positions.</summary>
    public long LengthFor(int length)
    {
        long cells = form.IsRecurrent ? 1 : length;
        long perCell = form.IsRecurrent ? 8 : 12 + form.ExtensionLength;
        return (form.IsRecurrent ? 4 : 8) + (cells * perCell) + 8 + rows.Sum(row => 12 + (cells * row.CellLength));
    }

    /// <summary>Whether two parts are of the same model and context.</summary>
    public bool IsLike(StatePart other) =>
        form == other.Form && layerCount == other.layerCount && isTransposed == other.isTransposed && rows.SequenceEqual(other.rows);

    /// <summary>Reads a part. False where it is none of this form, or says what no state of so many positions says.</summary>
    /// <param name="cursor">Stands at its beginning.</param>
    /// <param name="length">Positions of the sequence.</param>
    /// <param name="tokenCount">Tokens of the vocabulary.</param>
    /// <param name="isLast">Whether the state ends with it.</param>
    public bool TryRead(ref StateCursor cursor, int length, int tokenCount, bool isLast)
    {
        const int StreamCount = 1;
        if (!form.IsRecurrent && cursor.Int() != StreamCount)
            return false;
        int cellCount = cursor.Int();
        if (cellCount < 1 || cellCount > (form.IsRecurrent ? 1 : length) || !CellsFit(ref cursor, cellCount, length, tokenCount))
            return false;
        (isTransposed, layerCount) = (cursor.Int(), cursor.Int());
        if (cursor.IsBeyond || isTransposed is not (0 or 1) || layerCount is < 1 or > MostLayers)
            return false;
        return form.IsRecurrent
            ? isTransposed == 0 && isLast && RowsFit(ref cursor, cellCount, 2 * layerCount, toEnd: true)
            : RowsFit(ref cursor, cellCount, layerCount) && (!form.HasValues || ValuesFit(ref cursor, cellCount));
    }

    // A cache keeps all positions, or the latest ones where its layers look no further back; in any order, but each once.
    private bool CellsFit(ref StateCursor cursor, int cellCount, int length, int tokenCount)
    {
        var seen = new bool[cellCount];
        for (int cell = 0; cell < cellCount; cell++)
        {
            int place = cursor.Int() - (length - cellCount);
            if (cursor.IsBeyond || place < 0 || place >= cellCount || seen[place])
                return false;
            seen[place] = true;
            if (cursor.Int() != (form.IsRecurrent ? 0 : 1))
                return false;
            if (form.ExtensionLength > 0 && ((uint)cursor.Int() > length || (uint)cursor.Int() > length))
                return false;
            if (form.ExtensionLength > 8 && cursor.Int() is var token && (token < -1 || token >= tokenCount))
                return false;
            // The sequence that it was saved from, which libllama reads past.
            if (!form.IsRecurrent)
                cursor.Int();
        }

        return !cursor.IsBeyond;
    }

    private bool ValuesFit(ref StateCursor cursor, int cellCount)
    {
        if (isTransposed == 0)
            return RowsFit(ref cursor, cellCount, layerCount);
        for (int layer = 0; layer < layerCount; layer++)
        {
            int type = cursor.Int(),
                elementLength = cursor.Int(),
                width = cursor.Int();
            if (elementLength != LengthOf(type) || !RowFits(ref cursor, type, (long)elementLength * width, cellCount))
                return false;
        }

        return true;
    }

    private bool RowsFit(ref StateCursor cursor, int cellCount, int most, bool toEnd = false)
    {
        for (int row = 0; row < most && !(toEnd && cursor.IsAtEnd); row++)
            if (!RowFits(ref cursor, cursor.Int(), cursor.Long(), cellCount))
                return false;
        return true;
    }

    private bool RowFits(ref StateCursor cursor, int type, long cellLength, int cellCount)
    {
        if (LengthOf(type) == 0 || cellLength < 1 || cellLength > LongestRow || cellLength % LengthOf(type) != 0)
            return false;
        rows.Add(new StateRows(type, cellLength));
        ReadOnlySpan<byte> values = cursor.Take(cellLength * cellCount);
        return !cursor.IsBeyond && AreNumbers(type, values);
    }

    // Bytes of an element, or of a block of them.
    private static int LengthOf(int type) =>
        type switch
        {
            TypeF32 => sizeof(float),
            TypeF16 or TypeBF16 => sizeof(ushort),
            TypeQ8_0 => Q8BlockLength,
            _ => 0,
        };

    private static bool AreNumbers(int type, ReadOnlySpan<byte> values) =>
        type switch
        {
            TypeF32 => FiniteNumbers.AreIn(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(values)),
            TypeF16 => FiniteNumbers.AreInHalves(values),
            TypeQ8_0 => HaveNumbers(values),
            _ => FiniteNumbers.AreInBrains(values),
        };

    // Each block begins with its scale, a half; its other bytes are whole numbers.
    private static bool HaveNumbers(ReadOnlySpan<byte> blocks)
    {
        for (int block = 0; block < blocks.Length; block += Q8BlockLength)
            if (!Half.IsFinite(System.Buffers.Binary.BinaryPrimitives.ReadHalfLittleEndian(blocks[block..])))
                return false;
        return true;
    }
}
