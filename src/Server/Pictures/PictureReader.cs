using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Tessera.Extensions.AI;
using Tessera.Server.Hosting;
using Tessera.Server.Json;

namespace Tessera.Server.Pictures;

/// <summary>Reads the pictures of requests: in data URIs, and from addresses and files where the operator allows it.</summary>
/// <param name="options">What is allowed.</param>
internal sealed class PictureReader(ServerOptions options) : IDisposable
{
    private readonly PictureFetch fetch = new(options);

    /// <summary>The picture that an address stands for.</summary>
    /// <param name="value">A data:, http(s) or file: address, as JSON text.</param>
    /// <param name="path">The field, for messages.</param>
    /// <param name="cancellationToken">Stops fetching.</param>
    /// <exception cref="ApiException">It is no picture, or not allowed.</exception>
    public async Task<DataContent> ReadAsync(JsonElement value, string path, CancellationToken cancellationToken)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw ApiException.Field(path, "must be an address as text.");
        ReadOnlySpan<byte> text = TextOf(value, path);
        // Data URIs may be long, and are never made characters.
        if (text.Length > 5 && Ascii.EqualsIgnoreCase(text[..5], "data:"u8))
            return OfDataUri(text, path);
        string address = Fields.TextOf(value, path);
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri))
            throw ApiException.Field(path, "is no address: give a data: URI with the picture in it.");
        PromptImage image = uri.Scheme switch
        {
            "http" or "https" => await fetch.ReadAsync(uri, path, cancellationToken),
            "file" => await FromFolderAsync(uri, path, cancellationToken),
            _ => throw ApiException.Field(path, "must begin with data:, http:, https: or file:."),
        };
        return Checked(new DataContent(image.Data, image.MediaType ?? "image/*"), path);
    }

    /// <summary>A picture as bare base64, as Ollama has it.</summary>
    /// <exception cref="ApiException">It is none.</exception>
    public static DataContent OfBase64(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw ApiException.Field(path, "must be base64 text.");
        return OfBytes(Decode(TextOf(value, path), path), path);
    }

    /// <summary>A picture of any type that can be read.</summary>
    /// <exception cref="ApiException">It is none.</exception>
    public static DataContent OfBytes(ReadOnlyMemory<byte> data, string path) =>
        new PromptImage(data, path).MediaType is string type
            ? new DataContent(data, type)
            : throw ApiException.Field(path, "is no picture that can be read.");

    public void Dispose() => fetch.Dispose();

    // A text's bytes, where they are if nothing in them is escaped (PHP escapes slashes).
    private static ReadOnlySpan<byte> TextOf(JsonElement value, string path)
    {
        ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(value);
        if (raw.IndexOf((byte)'\\') < 0)
            return raw[1..^1];
        var reader = new Utf8JsonReader(raw);
        reader.Read();
        var text = new byte[raw.Length];
        try
        {
            return text.AsSpan(0, reader.CopyString(text));
        }
        catch (InvalidOperationException failure)
        {
            throw ApiException.Field(path, "has half of a character.", failure);
        }
    }

    private static DataContent OfDataUri(ReadOnlySpan<byte> uri, string path)
    {
        int comma = uri.IndexOf((byte)',');
        if (comma < 0)
            throw ApiException.Field(path, "is a data: URI without a comma.");
        string[] header = Encoding.UTF8.GetString(uri[5..comma]).Split(';');
        string type = header[0].Trim();
        if (!header.Skip(1).Any(static part => part.Trim().Equals("base64", StringComparison.OrdinalIgnoreCase)))
            throw ApiException.Field(path, "is a data: URI that is not in base64.");
        if (!type.StartsWith("image/", StringComparison.OrdinalIgnoreCase) || type.Any(static letter => letter is < '!' or > '~'))
            throw ApiException.Field(path, $"is declared as '{Shared.PlainText.Quote(type)}', but only pictures (image/*) are taken.");
        return Checked(new DataContent(Decode(uri[(comma + 1)..], path), type), path);
    }

    private static byte[] Decode(ReadOnlySpan<byte> base64, string path)
    {
        // Some clients leave the padding out, and some escape + and / as URIs do.
        if (base64.IndexOf((byte)'%') >= 0)
            base64 = Encoding.UTF8.GetBytes(Uri.UnescapeDataString(Encoding.UTF8.GetString(base64)));
        try
        {
            byte[] data = base64.IndexOfAny((byte)'-', (byte)'_') >= 0 ? Base64Url.DecodeFromUtf8(base64) : DecodePadded(base64);
            return data.Length > 0 ? data : throw ApiException.Field(path, "is an empty picture.");
        }
        catch (FormatException failure)
        {
            throw ApiException.Field(path, "is not in base64.", failure);
        }
    }

    private static byte[] DecodePadded(ReadOnlySpan<byte> base64)
    {
        // As long as what is in it, unless there are spaces in between.
        int padding = base64.EndsWith("=="u8) ? 2 : Convert.ToInt32(base64.EndsWith("="u8));
        var data = new byte[(base64.Length - padding) * 3L / 4];
        OperationStatus status = Base64.DecodeFromUtf8(base64, data, out int read, out int written);
        int left = base64.Length - read;
        if (status != OperationStatus.Done)
        {
            if (left is not (2 or 3))
                throw new FormatException();
            Span<byte> tail = stackalloc byte[4];
            tail.Fill((byte)'=');
            base64[read..].CopyTo(tail);
            if (Base64.DecodeFromUtf8(tail, data.AsSpan(written), out _, out int more) != OperationStatus.Done)
                throw new FormatException();
            written += more;
        }

        return written == data.Length ? data : data[..written];
    }

    private async Task<PromptImage> FromFolderAsync(Uri uri, string path, CancellationToken cancellationToken)
    {
        if (options.PictureFolder is not { } folder)
            throw ApiException.Field(path, "is a file's address, and this server reads no files: send the picture as a data: URI.");
        string root = Path.TrimEndingDirectorySeparator(Real(Path.GetFullPath(folder))) + Path.DirectorySeparatorChar;
        string file = uri.IsUnc ? "" : Path.GetFullPath(uri.LocalPath);
        // A link may lead out of the folder: it is where it leads to that counts. What is not there and what is outside look alike.
        string real = file.Length > 0 && File.Exists(file) ? Real(file) : "";
        StringComparison comparison = OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        if (!real.StartsWith(root, comparison))
            throw ApiException.Field(path, "is no file in the folder that this server reads pictures from.");
        return await PromptImage.FromFileAsync(real, cancellationToken);
    }

    // With every link on the way followed.
    private static string Real(string path)
    {
        string full = Path.GetPathRoot(path)!;
        foreach (string part in path[full.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            string next = Path.Combine(full, part);
            FileSystemInfo info = Directory.Exists(next) ? new DirectoryInfo(next) : new FileInfo(next);
            try
            {
                full = info.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? next;
            }
            catch (IOException)
            {
                return "";
            }
        }

        return full;
    }

    private static DataContent Checked(DataContent content, string path)
    {
        try
        {
            ImageReader.Read(content, path);
            return content;
        }
        catch (ImageException failure)
        {
            string problem = failure.Message.StartsWith(path, StringComparison.Ordinal)
                ? failure.Message[(path.Length + 2)..]
                : failure.Message;
            throw ApiException.Field(path, $"cannot be used: {problem}", failure);
        }
    }
}
