namespace Tessera.Samples.PictureSorter;

/// <summary>What the command line says.</summary>
internal sealed record SorterArguments(string Folder, bool IsOnce, string? Model, string? Projector)
{
    /// <summary>Null where it cannot be understood.</summary>
    public static SorterArguments? Parse(string[] args)
    {
        string? folder = null,
            model = null,
            projector = null;
        bool isOnce = false;
        for (int index = 0; index < args.Length; index++)
        {
            if (args[index] == "--once")
                isOnce = true;
            else if (args[index] == "--model" && index + 1 < args.Length)
                model = args[++index];
            else if (args[index] == "--mmproj" && index + 1 < args.Length)
                projector = args[++index];
            else if (folder is null && !args[index].StartsWith('-'))
                folder = args[index];
            else
                return null;
        }

        return folder is null ? null : new SorterArguments(folder, isOnce, model, projector);
    }
}
