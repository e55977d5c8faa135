using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Tessera.Benchmarks;

/// <summary>Pillow's resize in a Python process of its own, which is told when to begin and answers with what it took.</summary>
internal sealed class PillowResize : IDisposable
{
    private const string Script = """
        import hashlib, sys, time
        import PIL
        from PIL import Image
        width, height, to_width, to_height = map(int, sys.argv[1:])
        source = Image.frombytes("RGB", (width, height), sys.stdin.buffer.read(width * height * 3))
        print(PIL.__version__, hashlib.sha256(source.resize((to_width, to_height), Image.BICUBIC).tobytes()).hexdigest(), flush=True)
        while sys.stdin.buffer.read(1):
            wall, processor = time.perf_counter(), time.process_time()
            source.resize((to_width, to_height), Image.BICUBIC)
            print(time.perf_counter() - wall, time.process_time() - processor, flush=True)
        """;

    private readonly Process process;

    private PillowResize(Process process, string version, string digest)
    {
        this.process = process;
        Version = version;
        Digest = digest;
    }

    public string Version { get; }

    /// <summary>SHA-256 of the resized pixels, in lower-case hexadecimal digits.</summary>
    public string Digest { get; }

    /// <summary>Starts the first Python that has Pillow; null where none has.</summary>
    public static PillowResize? TryStart(RgbImage source, int width, int height) =>
        ((string[])["python3", "/usr/bin/python3"])
            .Select(python => TryStart(python, source, width, height))
            .FirstOrDefault(static found => found is not null);

    /// <summary>Resizes once.</summary>
    public ResampleTiming Run()
    {
        process.StandardInput.BaseStream.WriteByte((byte)'\n');
        process.StandardInput.BaseStream.Flush();
        double[] seconds = [.. Answer(process)!.Select(static part => double.Parse(part, CultureInfo.InvariantCulture))];
        return new ResampleTiming(TimeSpan.FromSeconds(seconds[0]), TimeSpan.FromSeconds(seconds[1]));
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
    }

    private static PillowResize? TryStart(string python, RgbImage source, int width, int height)
    {
        string[] arguments = ["-c", Script, $"{source.Width}", $"{source.Height}", $"{width}", $"{height}"];
        var start = new ProcessStartInfo(python, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            Process process = Process.Start(start)!;
            try
            {
                process.StandardInput.BaseStream.Write(source.Pixels);
                process.StandardInput.BaseStream.Flush();
            }
            catch (IOException)
            {
                // It ended at the import; it says so by answering nothing.
            }

            return Answer(process) is [string version, string digest] ? new PillowResize(process, version, digest) : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    private static string[]? Answer(Process process) => process.StandardOutput.ReadLine()?.Split(' ');
}
