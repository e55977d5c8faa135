using Tessera.Shared;

namespace Tessera.Annotation;

/// <summary>The pictures that a folder, a pattern of paths, a list or a picture's own path names.</summary>
public static class PictureSources
{
    /// <summary>Whether new pictures can appear there: in a folder, or under a pattern.</summary>
    public static bool CanGrow(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return Directory.Exists(source) || IsPattern(source);
    }

    /// <summary>The paths of the pictures, read while they are asked for.</summary>
    /// <param name="source">A folder, a pattern with <c>*</c>, <c>?</c> or <c>**</c>, a picture, or a text file with a path or an address
    /// on each line.</param>
    /// <param name="isDocument">Says whether a file that is neither a picture nor a list is wanted all the same, as PDFs are; null for
    /// none.</param>
    /// <exception cref="TesseraException">It is none of these, or cannot be read.</exception>
    public static IEnumerable<string> Paths(string source, Func<string, bool>? isDocument = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(source);
        if (Directory.Exists(source))
            return PictureFolder.Files(source, null, isDocument);
        if (IsPattern(source))
        {
            PathPattern pattern = PathPattern.Parse(source);
            return PictureFolder.Files(pattern.Folder, pattern, isDocument);
        }

        if (!File.Exists(source))
            throw new TesseraException($"{source}: there is no such file or folder.");
        if (PromptImage.IsImageFile(source) || isDocument?.Invoke(source) == true)
            return [source];
        if (FileKind.IsSpecial(source) && !FileKind.IsOpenDescriptor(source))
            throw new TesseraException($"{source}: it is a pipe or device; only regular files can be read.");
        return ListFile(source);
    }

    /// <summary>The paths of a list.</summary>
    /// <param name="list">A text in UTF-8, a path or an address on each line.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="TesseraException">It is no list, or cannot be read.</exception>
    public static IEnumerable<string> Listed(Stream list, string name) => PictureList.Read(list, name);

    private static bool IsPattern(string source) => PathPattern.IsPattern(source) && !File.Exists(source);

    private static IEnumerable<string> ListFile(string path)
    {
        FileStream stream;
        try
        {
            stream = File.OpenRead(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new TesseraException($"{path}: it cannot be read ({failure.Message.TrimEnd('.')}).", failure);
        }

        using (stream)
            foreach (string listed in PictureList.Read(stream, path))
                yield return listed;
    }
}
