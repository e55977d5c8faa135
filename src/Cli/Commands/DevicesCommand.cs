using System.CommandLine;
using System.Globalization;
using Tessera.Cli.Output;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera devices</c>: what this machine can compute on.</summary>
internal static class DevicesCommand
{
    public static Command Create(CliConsole console)
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON document instead of text." };
        var command = new ExampleCommand("devices", "List the processors that models can run on.", "tessera devices");
        command.Add(json);
        command.SetAction(parsed =>
        {
            IReadOnlyList<DeviceDocument> devices =
            [
                .. Devices
                    .List()
                    .Select(static device => new DeviceDocument(
                        device.Name,
                        device.Description,
                        device.Kind.ToString().ToLowerInvariant(),
                        device.FreeBytes,
                        device.TotalBytes
                    )),
            ];
            if (parsed.GetValue(json))
                CliJson.Write(console.Out, devices);
            else
                Print(console.Out, devices);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Print(TextWriter output, IReadOnlyList<DeviceDocument> devices)
    {
        int nameWidth = devices.Max(static device => device.Name.Length),
            kindWidth = devices.Max(static device => device.Kind.Length);
        foreach (DeviceDocument device in devices)
            output.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{device.Name.PadRight(nameWidth)}  {device.Kind.PadRight(kindWidth)}  {device.FreeBytes / 1e9:0.0} of "
                        + $"{device.TotalBytes / 1e9:0.0} GB free  {device.Description}"
                )
            );
    }
}
