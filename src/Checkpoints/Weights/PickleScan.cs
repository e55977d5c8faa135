using System.Buffers.Binary;
using System.Text;

namespace Tessera.Checkpoints.Weights;

/// <summary>
/// Looks through a pickle without running it: what it names must be what torch.save names for tensors, and its instructions those of plain
/// containers. Source of the instructions: python/cpython v3.13, Lib/pickletools.py.
/// </summary>
internal static class PickleScan
{
    private const int MaxNameByteLength = 4096;

    /// <summary>The storages that are admitted.</summary>
    public static readonly string[] Storages =
    [
        "FloatStorage",
        "HalfStorage",
        "BFloat16Storage",
        "DoubleStorage",
        "LongStorage",
        "IntStorage",
        "ShortStorage",
        "CharStorage",
        "ByteStorage",
        "BoolStorage",
    ];

    private static readonly HashSet<string> Names =
    [
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "collections OrderedDict",
        "torch Size",
        .. Storages.Select(static name => $"torch {name}"),
    ];

    /// <exception cref="CheckpointException">It names something else, or uses instructions that tensors do not need.</exception>
    public static void RequireHarmless(string path, ReadOnlySpan<byte> pickle)
    {
        for (int at = 0; at < pickle.Length; )
        {
            char code = (char)pickle[at++];
            if (code == '.')
                return;
            if (code == 'c')
            {
                string name = $"{Line(path, pickle, ref at)} {Line(path, pickle, ref at)}";
                if (!Names.Contains(name))
                    throw new CheckpointException(
                        path,
                        $"its pickle names '{CheckpointFolder.Shown(name.Replace(' ', '.'))}', which is no tensor; it is refused and "
                            + "not run."
                    );
                continue;
            }

            long length = Length(path, code, pickle[at..]);
            if (length > pickle.Length - at)
                throw Damaged(path);
            at += (int)length;
        }

        throw Damaged(path);
    }

    // Bytes of an instruction's argument.
    private static long Length(string path, char code, ReadOnlySpan<byte> rest) =>
        code switch
        {
            '\x80' or 'K' or 'h' or 'q' => 1,
            'M' => 2,
            'J' or 'j' or 'r' => 4,
            'G' => 8,
            'X' or 'B' when rest.Length >= 4 => 4L + BinaryPrimitives.ReadUInt32LittleEndian(rest),
            'U' or 'C' or '\x8c' or '\x8a' when rest.Length >= 1 => 1L + rest[0],
            '('
            or '}'
            or ']'
            or ')'
            or 't'
            or '\x85'
            or '\x86'
            or '\x87'
            or 'N'
            or '\x88'
            or '\x89'
            or 'u'
            or 's'
            or 'a'
            or 'e'
            or 'l'
            or 'd'
            or 'Q'
            or 'R'
            or 'b'
            or '0'
            or '1'
            or '2' => 0,
            _ => throw new CheckpointException(
                path,
                $"its pickle has the instruction 0x{(int)code:x2}, which tensors do not need; it is refused and not run."
            ),
        };

    private static string Line(string path, ReadOnlySpan<byte> pickle, ref int at)
    {
        int length = pickle[at..].IndexOf((byte)'\n');
        if (length is < 0 or > MaxNameByteLength)
            throw Damaged(path);
        string line = Encoding.UTF8.GetString(pickle.Slice(at, length));
        at += length + 1;
        return line;
    }

    private static CheckpointException Damaged(string path) => new(path, "the file is damaged: its pickle ends early.");
}
