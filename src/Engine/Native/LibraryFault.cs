using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Tessera.Native;

/// <summary>Says in half a sentence why the system does not load a library, and what to install.</summary>
internal static partial class LibraryFault
{
    private const int HeaderLength = 4096;

    // llama.cpp's builds for Windows and Visual C++ need these; they are not part of the system.
    private static readonly string[] VisualCppRuntime = ["vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll", "vcomp140.dll"];

    /// <summary>The reason.</summary>
    /// <param name="file">The library's path.</param>
    /// <param name="message">What the runtime says of it.</param>
    public static string Explain(string file, string message)
    {
        Match missing = MissingLibrary().Match(message);
        if (missing.Success)
            return Missing(missing.Groups[1].Value);
        if (!TryReadHeader(file, out byte[] header, out string problem))
            return $"it cannot be read ({problem})";
        if (Target(header) is string target && target != Own)
            return $"it is made for {target}, and this program runs on {Own}";
        if (OperatingSystem.IsWindows() && VisualCppRuntime.FirstOrDefault(static name => !IsThere(name)) is string library)
            return $"it needs {library}: install Microsoft's Visual C++ Redistributable (winget install "
                + $"Microsoft.VCRedist.2015+.{Own.Split(' ')[^1]})";
        return Reason(file, message);
    }

    private static bool TryReadHeader(string file, out byte[] header, out string problem)
    {
        (header, problem) = (new byte[HeaderLength], "");
        try
        {
            using FileStream stream = File.OpenRead(file);
            stream.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false);
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            problem = failure.Message.TrimEnd('.');
            return false;
        }
    }

    private static string Own { get; } =
        $"{(OperatingSystem.IsWindows() ? "Windows" : OperatingSystem.IsMacOS() ? "macOS" : "Linux")} "
        + $"{Name(RuntimeInformation.ProcessArchitecture)}";

    /// <summary>
    /// The system and the processor that a library is made for: the numbers of ELF's e_machine, the Machine of Windows' PE, and the cputype
    /// of Mach-O. Null where the header is none of these.
    /// </summary>
    internal static string? Target(ReadOnlySpan<byte> header)
    {
        const int ElfMachine = 18,
            PeAt = 0x3C,
            PeMachine = 4,
            MachCpu = 4;
        if (header.StartsWith("\u007FELF"u8))
            return BinaryPrimitives.ReadUInt16LittleEndian(header[ElfMachine..]) switch
            {
                62 => "Linux x64",
                183 => "Linux arm64",
                _ => "another processor",
            };
        if (header.StartsWith("MZ"u8) && BinaryPrimitives.ReadUInt32LittleEndian(header[PeAt..]) is uint at && at < header.Length - 6)
            return BinaryPrimitives.ReadUInt16LittleEndian(header[((int)at + PeMachine)..]) switch
            {
                0x8664 => "Windows x64",
                0xAA64 => "Windows arm64",
                _ => "another processor",
            };
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) == 0xFEEDFACF)
            return BinaryPrimitives.ReadUInt32LittleEndian(header[MachCpu..]) switch
            {
                0x01000007 => "macOS x64",
                0x0100000C => "macOS arm64",
                _ => "another processor",
            };
        return null;
    }

    private static string Name(Architecture architecture) => architecture.ToString().ToLowerInvariant();

    private static string Missing(string library) =>
        library.StartsWith("libgomp", StringComparison.Ordinal)
            ? $"it needs {library}, the OpenMP runtime of GCC: install it "
                + "(Debian and Ubuntu: apt-get install libgomp1; Fedora: dnf install libgomp; Alpine: apk add libgomp)"
            : $"it needs {library}, which this system lacks";

    private static bool IsThere(string library)
    {
        bool isThere = NativeLibrary.TryLoad(library, out nint handle);
        if (isThere)
            NativeLibrary.Free(handle);
        return isThere;
    }

    // The runtime's own sentence, advice about tracing, and then what the system's loader says of each path that was tried.
    private static string Reason(string file, string message)
    {
        string[] lines = message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string line = lines.Length > 1 ? lines[1] : lines[0].Split(". ", 2)[0];
        return line.Replace($"{file}: ", "", StringComparison.Ordinal).TrimEnd('.');
    }

    // Of the loader of Linux: what is wanted stands before the colon, without a folder.
    [GeneratedRegex(@"^\s*(lib[^/\s:]+): cannot open shared object file", RegexOptions.Multiline)]
    private static partial Regex MissingLibrary();
}
