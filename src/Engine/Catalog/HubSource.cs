using System.Text.Json;

namespace Tessera.Catalog;

/// <summary>
/// A repository of a model hub, <c>hf:owner/repo</c>. Addresses and listings are those of huggingface/huggingface_hub v1 (hf_api.py,
/// list_repo_tree; file_download.py, hf_hub_url).
/// </summary>
/// <param name="Owner">Whose it is.</param>
/// <param name="Name">The repository.</param>
/// <param name="File">The file that is meant; null for the repository.</param>
internal sealed record HubSource(string Owner, string Name, string? File)
{
    public const string Prefix = "hf:",
        EndpointVariable = "HF_ENDPOINT",
        TokenVariable = "HF_TOKEN";
    private const string DefaultEndpoint = "https://huggingface.co",
        Revision = "main";
    private const int MostFiles = 10_000,
        MostListingBytes = 16 << 20;

    /// <summary>Reads <c>hf:owner/repo</c> or <c>hf:owner/repo:file</c>; null where the text is neither.</summary>
    public static HubSource? TryParse(string text)
    {
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
            return null;
        string[] parts = text[Prefix.Length..].Split(':', 2);
        string[] names = parts[0].Split('/');
        return names.Length == 2 && names.All(ModelStore.IsName) && (parts.Length == 1 || IsPath(parts[1]))
            ? new HubSource(names[0], names[1], parts.Length == 1 ? null : parts[1])
            : null;
    }

    /// <summary>Where repositories are: what HF_ENDPOINT lists, else the hub's own address.</summary>
    /// <exception cref="PullException">The variable holds what is no address.</exception>
    public static IReadOnlyList<Uri> Endpoints()
    {
        string text = Environment.GetEnvironmentVariable(EndpointVariable) is { Length: > 0 } chosen ? chosen : DefaultEndpoint;
        return
        [
            .. text.Split([',', ';', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(static part =>
                    Uri.TryCreate(part.TrimEnd('/') + "/", UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
                        ? address
                        : throw new PullException(
                            PullFailure.NotFound,
                            $"{EndpointVariable} holds '{part}', which is no address of a server."
                        )
                ),
        ];
    }

    /// <summary>Where a file of the repository is, at each endpoint.</summary>
    public IReadOnlyList<Uri> Addresses(string file, IReadOnlyList<Uri> endpoints) =>
        [
            .. endpoints.Select(endpoint => new Uri(
                endpoint,
                $"{Owner}/{Name}/resolve/{Revision}/{string.Join('/', file.Split('/').Select(Uri.EscapeDataString))}"
            )),
        ];

    /// <summary>The repository's files.</summary>
    /// <exception cref="PullException">It cannot be had.</exception>
    public async Task<IReadOnlyList<CatalogFile>> ListAsync(
        WebSource web,
        IReadOnlyList<Uri> endpoints,
        CancellationToken cancellationToken
    )
    {
        PullException? last = null;
        foreach (Uri endpoint in endpoints)
        {
            var address = new Uri(endpoint, $"api/models/{Owner}/{Name}/tree/{Revision}?recursive=true");
            try
            {
                using WebAnswer answer = await web.AskAsync(address, null, null, cancellationToken).ConfigureAwait(false);
                return Parse(await ReadAsync(answer, address, cancellationToken).ConfigureAwait(false), address);
            }
            catch (PullException failure)
            {
                last ??= failure;
            }
            catch (HttpRequestException failure)
            {
                last ??= new PullException(
                    PullFailure.Unreachable,
                    $"{WebSource.Shown(address)}: the server cannot be reached ({failure.Message.TrimEnd('.')}).",
                    failure
                );
            }
        }

        throw last ?? new PullException(PullFailure.NotFound, "There is no endpoint.");
    }

    /// <summary>Whether a path stays inside the folder that it is meant for, on every system.</summary>
    public static bool IsPath(string path) =>
        path.Length is > 0 and <= 300
        && path.Split('/').All(static part => part.Length > 0 && part is not ("." or "..") && !part.EndsWith('.') && !part.EndsWith(' '))
        && !path.Any(static character => char.IsControl(character) || character is '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|');

    private static async Task<byte[]> ReadAsync(WebAnswer answer, Uri address, CancellationToken cancellationToken)
    {
        using Stream content = await answer.OpenAsync(cancellationToken).ConfigureAwait(false);
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        int count;
        while ((count = await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            bytes.Write(buffer, 0, count);
            if (bytes.Length > MostListingBytes)
                throw Unclear(address);
        }

        return bytes.ToArray();
    }

    // [{"type": "file", "path": "x.gguf", "size": 1, "lfs": {"oid": "SHA-256", ...}}, ...]
    private static List<CatalogFile> Parse(byte[] json, Uri address)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var files = new List<CatalogFile>();
            foreach (JsonElement item in document.RootElement.EnumerateArray())
            {
                if (item.GetProperty("type").GetString() != "file")
                    continue;
                string path = item.GetProperty("path").GetString() ?? "";
                if (!IsPath(path) || files.Count == MostFiles)
                    continue;
                string? digest =
                    item.TryGetProperty("lfs", out JsonElement large)
                    && large.ValueKind == JsonValueKind.Object
                    && large.TryGetProperty("oid", out JsonElement oid)
                        ? oid.GetString()
                        : null;
                bool isDigest = digest is { Length: 64 } && digest.All(char.IsAsciiHexDigit);
                files.Add(new CatalogFile(path, item.GetProperty("size").GetInt64(), isDigest ? digest!.ToLowerInvariant() : null));
            }

            return files;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Unclear(address, failure);
        }
    }

    private static PullException Unclear(Uri address, Exception? cause = null) =>
        new(PullFailure.BadAnswer, $"{WebSource.Shown(address)}: the server's list of files cannot be understood.", cause);
}
