using System.Runtime.ExceptionServices;

namespace Tessera.ChatTemplates;

/// <summary>Python's sorted(): stable, and reversed without reversing equal items.</summary>
internal static class PythonSort
{
    public static List<T> By<T>(RenderMeter meter, IEnumerable<T> items, Func<T, TemplateValue> key, bool isReversed)
    {
        (T Item, TemplateValue Key)[] keyed = [.. items.Select(item => (item, key(item)))];
        Comparer<(T Item, TemplateValue Key)> order = Comparer<(T Item, TemplateValue Key)>.Create(
            (left, right) => PythonComparison.Order(meter, left.Key, right.Key, "<") ?? 0
        );
        try
        {
            return [.. (isReversed ? keyed.OrderDescending(order) : keyed.Order(order)).Select(pair => pair.Item)];
        }
        catch (InvalidOperationException wrapper) when (wrapper.InnerException is TemplateFault or OperationCanceledException)
        {
            // .NET wraps what a comparison throws.
            ExceptionDispatchInfo.Throw(wrapper.InnerException!);
            throw;
        }
    }
}
