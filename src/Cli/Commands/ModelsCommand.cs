using System.CommandLine;
using Tessera.Cli.Output;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera models</c> and <c>tessera rm</c>: what is in the catalogue and on this machine.</summary>
internal static class ModelsCommand
{
    public static Command Create(CliConsole console)
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON document instead of text." };
        var command = new ExampleCommand("models", "List the models of the catalogue and those on this machine.", "tessera models");
        command.Add(json);
        command.SetAction(parsed =>
        {
            IReadOnlyList<ModelDocument> models = List();
            if (parsed.GetValue(json))
                CliJson.Write(console.Out, models);
            else
                Print(console, models);
            return ExitCode.Success;
        });
        return command;
    }

    public static Command CreateRemove(CliConsole console)
    {
        var name = new Argument<string>("NAME") { Description = "A model that was pulled." };
        var command = new ExampleCommand("rm", "Delete a pulled model from this machine.", "tessera rm minicpm-v-4.6");
        command.Add(name);
        command.SetAction(parsed =>
        {
            string model = parsed.GetRequiredValue(name);
            console.Out.WriteLine($"{model}: {ByteText.Of(ModelCatalog.Remove(model))} are free again");
            return ExitCode.Success;
        });
        return command;
    }

    private static IReadOnlyList<ModelDocument> List()
    {
        IReadOnlyList<CatalogEntry> entries = ModelCatalog.Entries();
        var pulled = ModelCatalog.Pulled().ToDictionary(static model => model.Name, StringComparer.Ordinal);
        long memory = Devices.List().Max(static device => device.TotalBytes);
        return
        [
            .. entries.Select(entry => new ModelDocument(
                entry.Name,
                entry.About,
                entry.Family,
                entry.Source,
                entry.IsEmbedded || pulled.ContainsKey(entry.Name) ? "here"
                    : entry.IsCheckpoint ? "checkpoint"
                    : "catalogue",
                entry.MemoryBytes,
                entry.MemoryBytes <= memory,
                entry.Licence,
                entry.Verified,
                entry.IsEmbedded || HasDigests(entry)
            )),
            .. pulled
                .Values.Where(model => entries.All(entry => entry.Name != model.Name))
                .Select(static model => new ModelDocument(model.Name, model.Folder, "", null, "here", 0, true, "", null, false)),
        ];
    }

    private static void Print(CliConsole console, IReadOnlyList<ModelDocument> models)
    {
        int width = models.Max(static model => model.Name.Length);
        foreach (ModelDocument model in models)
        {
            string mark = Mark(model),
                memory = model.MemoryBytes == 0 ? "" : ByteText.Of(model.MemoryBytes),
                room = model.Fits ? "" : ", too large for this machine",
                kind = model.State == "checkpoint" ? ", to be converted" : "";
            console.WriteRow($"{mark} {model.Name.PadRight(width)}  {memory, 9}  {model.Family}: {model.About}{kind}{room}");
        }

        console.Say("* is on this machine; 'tessera pull NAME' fetches another. Sizes are memory with 4096 tokens of context.");
        console.Say(
            "? has no digest in the catalogue: what its hub says of the files is checked."
                + (models.Any(static model => Mark(model) == "!") ? " ! has been checked by nobody." : "")
        );
    }

    private static string Mark(ModelDocument model) =>
        model.State == "here" ? "*"
        : model.Verified is null ? "!"
        : model.HasDigests ? " "
        : "?";

    private static bool HasDigests(CatalogEntry entry) => entry.Model?.Sha256 is not null && entry.Projector?.Sha256 is not null;
}
