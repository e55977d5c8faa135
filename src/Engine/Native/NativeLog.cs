using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Tessera.Native;

/// <summary>
/// Takes the log of ggml, llama.cpp and libvips: it goes to <see cref="Logger"/>, never to the terminal. The last errors are kept, because
/// they are the only reason that a failed native call gives; each thread keeps its own, as models load and run side by side.
/// </summary>
internal static unsafe class NativeLog
{
    private const int KeptErrors = 8;
    private const string NoReason = "no reason was given";

    // How ggml's CUDA backend, which AMD's and Moore Threads' are built from too, says that a call of the driver failed (ggml 0.25.1,
    // src/ggml-cuda/ggml-cuda.cu, ggml_cuda_error).
    private static readonly string[] DeviceErrors = ["CUDA error", "ROCm error", "MUSA error"];
    private static readonly Lock Gate = new();

    [ThreadStatic]
    private static ThreadLog? own;

    public static ILogger Logger { get; set; } = NullLogger.Instance;

    /// <summary>Told the reason when an assertion in native code is about to end the process; looked at when the libraries start.</summary>
    public static Action<string>? AbortHandler { get; set; }

    public static void Install()
    {
        Ggml.ggml_log_set(&Receive, null);
        LibLlama.llama_log_set(&Receive, null);
        if (AbortHandler is not null)
            Ggml.ggml_set_abort_callback(&ReceiveAbort);
    }

    /// <summary>Takes what would end the process when a GPU is lost.</summary>
    public static void WatchForLoss()
    {
        Ggml.ggml_set_abort_callback(&ReceiveAbort);
        CxxTermination.Install();
    }

    /// <summary>
    /// To be called where native code is about to end the process. Does not return on a thread of <see cref="GpuCalls"/> that lost its GPU.
    /// </summary>
    public static void End(string what, bool isOfDevice)
    {
        if (isOfDevice && TakeErrors() is var logged && logged != NoReason)
            what = logged;
        if (isOfDevice)
            GpuCalls.GiveUp(what);
        if (AbortHandler is null)
            Environment.FailFast($"Native code ends the process: {what}.");
        AbortHandler(what);
    }

    private static ThreadLog Own => own ??= new ThreadLog();

    /// <summary>Forgets the errors so far; call it before a native call whose failure is to be explained.</summary>
    public static void ForgetErrors() => Own.Errors.Clear();

    /// <summary>The errors of this thread since <see cref="ForgetErrors"/> on one line, or a stand-in when nothing was logged.</summary>
    public static string TakeErrors()
    {
        string text = string.Join("; ", Own.Errors.Distinct());
        Own.Errors.Clear();
        return text.Length == 0 ? NoReason : text;
    }

    /// <summary>Hears the lines that native calls of this thread log, until the result is disposed.</summary>
    public static IDisposable Listen(Action<string> listener)
    {
        Own.Listener = listener;
        return new Listening(Own);
    }

    /// <summary>Logs a line of a native library.</summary>
    public static void Write(LogLevel level, string line)
    {
        lock (Gate)
        {
            try
            {
                Logger.Log(level, "{NativeLine}", line);
            }
            catch (Exception)
            {
                // Through native code nothing may be thrown, and a log that fails has nowhere to say so.
            }
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Receive(ggml_log_level nativeLevel, byte* text, void* userData)
    {
        string message = Marshal.PtrToStringUTF8((nint)text) ?? "";
        ThreadLog log = Own;
        if (nativeLevel != ggml_log_level.CONT)
            log.Level = ToLogLevel(nativeLevel);
        log.Line.Append(message);
        if (message.EndsWith('\n'))
            Flush(log);
    }

    // "file:line: what failed"; the file is one of llama.cpp's on the machine that built it.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReceiveAbort(byte* text)
    {
        string message = (Marshal.PtrToStringUTF8((nint)text) ?? "").Trim();
        bool isOfDevice = DeviceErrors.Any(error => message.EndsWith(error, StringComparison.Ordinal));
        End(message[(message.LastIndexOfAny(['/', '\\'], Math.Max(0, message.IndexOf(": ", StringComparison.Ordinal))) + 1)..], isOfDevice);
    }

    /// <summary>Adds a line of our own.</summary>
    public static void Warn(string line) => Write(LogLevel.Warning, line);

    private static void Flush(ThreadLog log)
    {
        string line = log.Line.ToString().Trim();
        log.Line.Clear();
        if (line.Length == 0)
            return;
        log.Listener?.Invoke(line);
        if (log.Level == LogLevel.Error)
        {
            if (log.Errors.Count == KeptErrors)
                log.Errors.Dequeue();
            log.Errors.Enqueue(WithoutFunctionName(line));
        }

        Write(log.Level, line);
    }

    // llama.cpp starts its lines with "function_name: ".
    private static string WithoutFunctionName(string line)
    {
        int colon = line.IndexOf(": ", StringComparison.Ordinal);
        return colon > 0 && !line.AsSpan(0, colon).Contains(' ') ? line[(colon + 2)..] : line;
    }

    private static LogLevel ToLogLevel(ggml_log_level nativeLevel) =>
        nativeLevel switch
        {
            ggml_log_level.ERROR => LogLevel.Error,
            ggml_log_level.WARN => LogLevel.Warning,
            ggml_log_level.INFO => LogLevel.Information,
            _ => LogLevel.Debug,
        };

    private sealed class ThreadLog
    {
        public Queue<string> Errors { get; } = new();

        public StringBuilder Line { get; } = new();

        public LogLevel Level { get; set; } = LogLevel.Debug;

        public Action<string>? Listener { get; set; }
    }

    private sealed class Listening(ThreadLog log) : IDisposable
    {
        public void Dispose() => log.Listener = null;
    }
}
