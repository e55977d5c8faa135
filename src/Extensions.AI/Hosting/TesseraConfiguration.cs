using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Tessera.Extensions.AI;

/// <summary>
/// Binds a section of the configuration to options, without reflection: the binder that comes with .NET needs it for
/// <see cref="ModelOptions"/>, whose properties are set once, and the one that is generated passes them over.
/// </summary>
internal static class TesseraConfiguration
{
    /// <summary>Sets what the section holds, and leaves the rest.</summary>
    /// <exception cref="TesseraException">A value cannot be read; it is named by its path.</exception>
    public static void Bind(IConfiguration section, TesseraOptions options)
    {
        options.ModelId = section[nameof(options.ModelId)] ?? options.ModelId;
        options.AllowFileUris = Read(section, nameof(options.AllowFileUris), options.AllowFileUris);
        IConfigurationSection model = section.GetSection(nameof(options.Model));
        if (model.GetChildren().Any())
            options.Model = Bind(model, options.Model ?? new ModelOptions { ModelPath = "" });
    }

    private static ModelOptions Bind(IConfigurationSection section, ModelOptions model) =>
        model with
        {
            ModelPath = section[nameof(model.ModelPath)] ?? model.ModelPath,
            ProjectorPath = section[nameof(model.ProjectorPath)] ?? model.ProjectorPath,
            ContextLength = Read(section, nameof(model.ContextLength), model.ContextLength),
            ThreadCount = Read(section, nameof(model.ThreadCount), model.ThreadCount),
            GpuLayerCount = Read(section, nameof(model.GpuLayerCount), model.GpuLayerCount),
            Preprocessing = ReadName(section, nameof(model.Preprocessing), model.Preprocessing),
            VisionType = ReadName(section, nameof(model.VisionType), model.VisionType),
            CacheType = ReadName(section, nameof(model.CacheType), model.CacheType),
            VisionDevice = section[nameof(model.VisionDevice)] ?? model.VisionDevice,
            ChatTemplate = section[nameof(model.ChatTemplate)] ?? model.ChatTemplate,
            MaxPixels = Read(section, nameof(model.MaxPixels), model.MaxPixels),
            ParallelAnswerCount = Read(section, nameof(model.ParallelAnswerCount), model.ParallelAnswerCount),
            WaitingAnswerLimit = Read(section, nameof(model.WaitingAnswerLimit), model.WaitingAnswerLimit),
            CacheLength = Read(section, nameof(model.CacheLength), model.CacheLength),
            VideoFrameCount = Read(section, nameof(model.VideoFrameCount), model.VideoFrameCount),
            ImageCacheBytes = Read(section, nameof(model.ImageCacheBytes), model.ImageCacheBytes),
            ImageCacheFolder = section[nameof(model.ImageCacheFolder)] ?? model.ImageCacheFolder,
            MapsFiles = Read(section, nameof(model.MapsFiles), model.MapsFiles),
            ImageCacheFolderBytes = Read(section, nameof(model.ImageCacheFolderBytes), model.ImageCacheFolderBytes),
        };

    private static T Read<T>(IConfiguration section, string key, T otherwise)
        where T : ISpanParsable<T>
    {
        if (section[key] is not { Length: > 0 } text)
            return otherwise;
        return T.TryParse(text, CultureInfo.InvariantCulture, out T? value) ? value : throw Unreadable(section, key, text);
    }

    private static T ReadName<T>(IConfiguration section, string key, T otherwise)
        where T : struct, Enum
    {
        if (section[key] is not { Length: > 0 } text)
            return otherwise;
        return Enum.TryParse(text, ignoreCase: true, out T value) && Enum.IsDefined(value)
            ? value
            : throw Unreadable(section, key, text, $" It is one of {string.Join(", ", Enum.GetNames<T>())}.");
    }

    private static TesseraException Unreadable(IConfiguration section, string key, string text, string hint = "")
    {
        string path = section is IConfigurationSection { Path: { Length: > 0 } parent } ? $"{parent}:{key}" : key;
        return new TesseraException($"The configuration's {path} cannot be \"{text}\".{hint}");
    }
}
