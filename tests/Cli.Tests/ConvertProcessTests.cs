using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Whatever ends a conversion, no file has its name before it is whole.</summary>
public sealed class ConvertProcessTests : IDisposable
{
    private const int KillCount = 5;
    private const string Name = "model-F16.gguf";
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_conversion_that_is_killed_at_any_moment_leaves_nothing_half_written()
    {
        string checkpoint = Checkpoint(),
            output = folder.File("out");
        var clock = Stopwatch.StartNew();
        Assert.Equal(0, (await ConvertAsync(checkpoint, output)).ExitCode);
        TimeSpan whole = clock.Elapsed;
        byte[] digest = Digest(output);
        var random = new Random(16);
        for (int round = 0; round < KillCount; round++)
        {
            if (round % 2 == 1)
                File.Delete(Path.Combine(output, Name));
            bool wasThere = File.Exists(Path.Combine(output, Name));
            using (CliProcess started = CliProcess.Start(["convert", checkpoint, "--out", output, "--name", "model"]))
                await Task.Delay(whole * (0.2 + 0.8 * random.NextDouble()));
            string[] files = [.. Directory.GetFiles(output).Select(Path.GetFileName)!];
            Assert.True(!wasThere || files.Contains(Name), "what was there is gone");
            if (files.Contains(Name))
                Assert.Equal(digest, Digest(output));
            Assert.All(files.Where(static file => file != Name), static file => Assert.StartsWith(".tessera-", file));
        }

        Assert.Equal(0, (await ConvertAsync(checkpoint, output)).ExitCode);
        Assert.Equal([Name], Directory.GetFiles(output).Select(Path.GetFileName));
    }

    [SmallDiskFact]
    public async Task A_disk_that_is_full_is_one_sentence()
    {
        using SmallDisk disk = SmallDisk.TryMount(folder.File("disk"), 8)!;
        CliRun run = await ConvertAsync(Checkpoint(), disk.Path);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("bytes are needed, but only", run.Error);
        Assert.Empty(Directory.GetFiles(disk.Path));
    }

    // The room is looked at first; this one is taken by somebody else meanwhile.
    [SmallDiskFact]
    public async Task A_disk_that_becomes_full_is_one_sentence()
    {
        using SmallDisk disk = SmallDisk.TryMount(folder.File("disk"), 60)!;
        string filler = Path.Combine(disk.Path, "filler");
        using CliProcess started = CliProcess.Start(["convert", Checkpoint(), "--out", disk.Path, "--name", "model"]);
        for (var clock = Stopwatch.StartNew(); Directory.GetFiles(disk.Path).Length == 0 && clock.Elapsed < Patience.Limit; )
            await Task.Delay(1);
        try
        {
            File.WriteAllBytes(filler, new byte[40 << 20]);
        }
        catch (IOException)
        {
            // The disk is full now, whoever was the faster.
        }

        CliRun run = await started.EndAsync();
        string[] left = [.. Directory.GetFiles(disk.Path).Where(file => file != filler)];
        Assert.True(run.ExitCode == 0 ? left.Length == 1 : left.Length == 0);
        if (run.ExitCode != 0)
            Assert.Matches("^tessera: .*model-F16.gguf: the file cannot be written: [^\n]*\n$", run.Error);
    }

    [UnixFact]
    public async Task A_folder_that_may_not_be_written_to_is_one_sentence()
    {
        string output = folder.File("out");
        Directory.CreateDirectory(output);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(output, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        // Root may write everywhere but where the name is taken by a folder.
        Directory.CreateDirectory(Path.Combine(folder.File("taken"), Name));
        CliRun run = await ConvertAsync(Checkpoint(), Environment.IsPrivilegedProcess ? folder.File("taken") : output);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"{Name}: the file cannot be written", run.Error);
        Assert.Single(run.Error.Trim().Split('\n'));
    }

    private static Task<CliRun> ConvertAsync(string checkpoint, string output) =>
        CliProcess.RunAsync("convert", checkpoint, "--out", output, "--name", "model");

    private static byte[] Digest(string output) => SHA256.HashData(File.ReadAllBytes(Path.Combine(output, Name)));

    // A golden's tokenizer with an embedding of 17 MB, so that writing takes a while.
    private string Checkpoint()
    {
        const int Width = 1024;
        string source = Goldens.RepositoryPath("tests", "goldens", "checkpoints", "llama"),
            target = folder.File("checkpoint");
        Directory.CreateDirectory(target);
        foreach (string file in (string[])["tokenizer.model", "tokenizer_config.json"])
            File.Copy(Path.Combine(source, file), Path.Combine(target, file));
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!;
        foreach (string key in (string[])["hidden_size", "intermediate_size"])
            config[key] = Width;
        config["vocab_size"] = 8_192;
        config["num_hidden_layers"] = 1;
        foreach (string key in (string[])["num_attention_heads", "num_key_value_heads"])
            config[key] = 8;
        config["head_dim"] = Width / 8;
        File.WriteAllText(Path.Combine(target, "config.json"), config.ToJsonString());
        WriteWeights(Path.Combine(target, "model.safetensors"), Width, 8_192);
        return target;
    }

    private static void WriteWeights(string path, int width, int vocabulary)
    {
        const string Block = "model.layers.0.";
        (string Name, int[] Shape)[] tensors =
        [
            ("model.embed_tokens.weight", [vocabulary, width]),
            ("model.norm.weight", [width]),
            ("lm_head.weight", [vocabulary, width]),
            (Block + "input_layernorm.weight", [width]),
            (Block + "post_attention_layernorm.weight", [width]),
            .. ((string[])["self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down"]).Select(part =>
                ($"{Block}{part}_proj.weight", (int[])[width, width])
            ),
        ];
        var header = new JsonObject();
        long end = 0;
        foreach ((string name, int[] shape) in tensors)
        {
            long start = end;
            end += shape.Aggregate(2L, static (product, length) => product * length);
            header[name] = new JsonObject
            {
                ["dtype"] = "BF16",
                ["shape"] = new JsonArray([.. shape.Select(static length => (JsonNode)length)]),
                ["data_offsets"] = new JsonArray(start, end),
            };
        }

        byte[] json = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        using FileStream stream = File.Create(path);
        stream.Write(BitConverter.GetBytes((long)json.Length));
        stream.Write(json);
        stream.SetLength(stream.Length + end);
    }
}
