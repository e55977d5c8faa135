using System.Runtime.InteropServices;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;

var console = CliConsole.ForProcess();
int ended = ExitCode.Interrupted;
using var interruption = new CancellationTokenSource();

// Signals are handled on threads of the pool, which grows slowly while native code holds those that it has.
ThreadPool.SetMinThreads(workerThreads: Math.Max(16, Environment.ProcessorCount), completionPortThreads: Environment.ProcessorCount);
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
if (TrialCommand.Matches(args))
    return TrialCommand.Run(args);
int exitCode = await TesseraCommand.RunAsync(args, console, interruption.Token);
return exitCode == ExitCode.Interrupted ? ended : exitCode;

// The first signal asks for a clean end, the second one does not wait for it.
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    if (signal.Signal == PosixSignal.SIGINT && console.TakesInterrupt?.Invoke() == true)
        return;
    if (signal.Signal == PosixSignal.SIGTERM)
        ended = ExitCode.Terminated;
    if (interruption.IsCancellationRequested)
        ProcessEnd.Now(console, ended);

    interruption.Cancel();
}
