using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using Tessera.Server.Hosting;
using Tessera.Server.Json;
using Tessera.Server.Models;
using Tessera.Server.Pictures;

namespace Tessera.Server.Look;

/// <summary><c>POST /v1/look</c>: how a picture would be cut and what it would cost, before anything is encoded. Takes JSON with the
/// picture or only its size, or the picture itself as the body. No weights are loaded for it.</summary>
internal sealed class LookEndpoint(ModelShelf shelf, RequestBody bodies, PictureReader pictures)
{
    public async Task HandleAsync(HttpContext context)
    {
        bool isPicture = context.Request.ContentType?.StartsWith("image/", StringComparison.OrdinalIgnoreCase) == true;
        Look look = isPicture ? await ReadPictureAsync(context) : await ReadJsonAsync(context);
        LookDocument document = Plan(shelf.Find(look.Model), look);
        await Documents.WriteAsync(context, document, ServerJson.Plain.LookDocument);
    }

    private LookDocument Plan(ServedModel served, Look look)
    {
        if (shelf.Loaded.FirstOrDefault(loaded => loaded.Name == served.Name)?.Model.Vision is { } loaded)
            return LookDocument.Of(loaded, PlanOf(loaded, look));
        ModelOptions files = served.Files;
        using VisionModel vision = VisionModel.Open(
            files.ProjectorPath ?? throw new NoProjectorException(files.ModelPath),
            files.Preprocessing,
            files.MaxPixels
        );
        return LookDocument.Of(vision, PlanOf(vision, look));
    }

    private static SlicePlan PlanOf(VisionModel vision, Look look) =>
        look.Size is { } size ? vision.Plan(size, look.Limits) : vision.Plan(new PromptImage(look.Picture!.Data, "image"), look.Limits);

    private async Task<Look> ReadPictureAsync(HttpContext context)
    {
        IQueryCollection query = context.Request.Query;
        byte[] bytes = await bodies.ReadBytesAsync(context);
        DataContent picture = PictureReader.OfBytes(bytes, "body");
        var limits = new PlanRequest
        {
            MaxSlices = Number(query, "max_slices"),
            MaxImageTokens = Number(query, "max_image_tokens"),
            ImageCount = Number(query, "image_count") ?? 1,
        };
        return new Look(query["model"], limits, picture, null);
    }

    private async Task<Look> ReadJsonAsync(HttpContext context)
    {
        using PendingBody pending = await bodies.ReadAsync(context);
        Fields body = pending.Fields;
        var limits = new PlanRequest
        {
            MaxSlices = (int?)body.Whole("max_slices", 1, int.MaxValue),
            MaxImageTokens = (int?)body.Whole("max_image_tokens", 1, int.MaxValue),
            ImageCount = (int?)body.Whole("image_count", 1, 1024) ?? 1,
        };
        string? model = body.Text("model");
        int? width = (int?)body.Whole("width", 1, 1 << 20),
            height = (int?)body.Whole("height", 1, 1 << 20);
        if (width is not null && height is not null)
            return new Look(model, limits, null, new PixelSize(width.Value, height.Value));
        JsonElement image = body.Any("image") ?? body.Any("image_url") ?? throw body.Missing("image");
        if (image.ValueKind == JsonValueKind.Object)
        {
            var fields = Fields.Of(image, "image");
            image = fields.Any("url") ?? throw fields.Missing("url");
        }

        return new Look(model, limits, await pictures.ReadAsync(image, "image", context.RequestAborted), null);
    }

    private static int? Number(IQueryCollection query, string name) =>
        query[name].FirstOrDefault() is not { } text ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is >= 1 and <= 1 << 20 ? number
        : throw ApiException.Field(name, "must be a whole number of at least 1.");

    private sealed record Look(string? Model, PlanRequest Limits, DataContent? Picture, PixelSize? Size);
}
