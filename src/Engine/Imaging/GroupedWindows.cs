namespace Tessera.Imaging;

/// <summary>Windows whose weights stand in groups of four, as vector code takes them; the last group of a window is filled up with
/// 0.</summary>
/// <typeparam name="T">Type of the stored numbers.</typeparam>
internal abstract class GroupedWindows<T>
    where T : unmanaged
{
    /// <summary>Weights of one group.</summary>
    public const int GroupSize = 4;

    /// <summary>Lays out the groups, all 0.</summary>
    /// <param name="windows">The windows.</param>
    /// <param name="groupLength">Numbers of one group.</param>
    protected GroupedWindows(ResampleWindows windows, int groupLength)
    {
        FirstOutput = windows.FirstOutput;
        Starts = new int[windows.Count];
        GroupOffsets = new int[windows.Count + 1];
        for (int i = 0; i < windows.Count; i++)
        {
            Starts[i] = windows.Start(i);
            GroupOffsets[i + 1] = GroupOffsets[i] + (windows.Weights(i).Length + GroupSize - 1) / GroupSize;
        }
        Weights = new T[checked(GroupOffsets[^1] * groupLength)];
    }

    public int FirstOutput { get; }
    public int[] Starts { get; }
    public int[] GroupOffsets { get; }
    public T[] Weights { get; }
}
