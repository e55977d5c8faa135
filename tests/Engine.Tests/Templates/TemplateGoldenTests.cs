using System.Text.Json;

namespace Tessera.Engine.Tests.Templates;

public class TemplateGoldenTests
{
    public static TheoryData<string> OwnTemplates =>
        [.. Directory.GetFiles(Path.Combine(TemplateGoldens.Folder, "own"), "*.jinja").Select(file => Path.GetFileName(file))];

    [Theory]
    [MemberData(nameof(OwnTemplates))]
    public void Renders_as_Jinja2(string file)
    {
        JsonElement expected = TemplateGoldens.Read("own.json").GetProperty(file);
        Assert.Empty(TemplateGoldens.Differences(Path.Combine(TemplateGoldens.Folder, "own", file), expected));
    }

    [FactOnCollection]
    public void Renders_the_collection_as_Jinja2()
    {
        IEnumerable<string> differences = TemplateGoldens
            .Read("collection.json")
            .EnumerateObject()
            .SelectMany(template =>
                TemplateGoldens
                    .Differences(Path.Combine(FactOnCollectionAttribute.Folder, template.Name), template.Value)
                    .Select(difference => $"{template.Name}, {difference}")
            );
        Assert.Empty(differences);
    }
}
