using System.Reflection;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>What AddTessera registers under a host, and where its options come from.</summary>
public sealed class HostingTests
{
    [Fact]
    public async Task The_configuration_names_the_model()
    {
        HostApplicationBuilder builder = Builder(
            ("Tessera:Model:ModelPath", TinyModel.Options.ModelPath),
            ("Tessera:Model:ProjectorPath", TinyModel.Options.ProjectorPath!),
            ("Tessera:ModelId", "tiny")
        );
        builder.Services.AddTessera(builder.Configuration.GetSection("Tessera"));
        using IHost host = builder.Build();
        await host.StartAsync().WaitAsync(Patience.Limit);
        var client = host.Services.GetRequiredService<IChatClient>();
        ChatResponse answer = await client.GetResponseAsync([TinyModel.Question("heart.png")], TinyModel.Greedy).WaitAsync(Patience.Limit);
        Assert.Contains("heart", answer.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("tiny", answer.ModelId);
        await host.StopAsync().WaitAsync(Patience.Limit);
    }

    [Fact]
    public async Task A_host_without_a_model_says_so_when_it_starts()
    {
        HostApplicationBuilder builder = Builder();
        builder.Services.AddTessera();
        using IHost host = builder.Build();
        var missing = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync().WaitAsync(Patience.Limit));
        Assert.Contains("TesseraOptions.Model is not set", missing.Message);
        Assert.Throws<OptionsValidationException>(() => host.Services.GetRequiredService<IChatClient>());
    }

    [Fact]
    public void A_model_without_a_file_is_named_with_its_key()
    {
        HostApplicationBuilder builder = Builder(("Eyes:Model:ProjectorPath", "mmproj.gguf"));
        builder.Services.AddKeyedTessera("eyes", builder.Configuration.GetSection("Eyes"));
        using IHost host = builder.Build();
        var missing = Assert.Throws<OptionsValidationException>(() => host.Services.GetRequiredKeyedService<IChatClient>("eyes"));
        Assert.Contains("TesseraOptions.Model.ModelPath is not set for eyes", missing.Message);
    }

    [Fact]
    public void Options_may_be_configured_elsewhere_and_in_any_order()
    {
        HostApplicationBuilder builder = Builder(
            ("Tessera:Model:ModelPath", "a.gguf"),
            ("Tessera:Model:ContextLength", "4096"),
            ("Tessera:Model:VisionType", "q8_0"),
            ("Tessera:AllowFileUris", "true")
        );
        builder.Services.Configure<TesseraOptions>(builder.Configuration.GetSection("Tessera"));
        builder.Services.AddTessera(static options => options.Model = options.Model! with { ThreadCount = 3 });
        builder.Services.PostConfigure<TesseraOptions>(static options => options.ModelId = "late");
        using IHost host = builder.Build();
        TesseraOptions options = host.Services.GetRequiredService<IOptions<TesseraOptions>>().Value;
        var model = new ModelOptions { ModelPath = "a.gguf" };
        Assert.Equal(model with { ContextLength = 4096, ThreadCount = 3, VisionType = VisionType.Q8_0 }, options.Model);
        Assert.Equal("late", options.ModelId);
        Assert.True(options.AllowFileUris);
    }

    [Theory]
    [InlineData("ContextLength", "many", "Tessera:Model:ContextLength cannot be \"many\"")]
    [InlineData("VisionType", "F64", "Tessera:Model:VisionType cannot be \"F64\". It is one of")]
    public void A_setting_that_cannot_be_read_is_named(string key, string value, string problem)
    {
        HostApplicationBuilder builder = Builder(("Tessera:Model:ModelPath", "a.gguf"), ($"Tessera:Model:{key}", value));
        builder.Services.AddTessera(builder.Configuration.GetSection("Tessera"));
        using IHost host = builder.Build();
        var wrong = Assert.Throws<TesseraException>(() => host.Services.GetRequiredService<IOptions<TesseraOptions>>().Value);
        Assert.Contains(problem, wrong.Message);
    }

    /// <summary>The binder is written by hand: a new option that it does not know fails here.</summary>
    [Fact]
    public void Every_option_of_a_model_can_be_configured()
    {
        PropertyInfo[] bindable =
        [
            .. typeof(ModelOptions)
                .GetProperties()
                .Where(static property => property.PropertyType.IsValueType || property.PropertyType == typeof(string)),
        ];
        var services = new ServiceCollection();
        IConfiguration section = new ConfigurationBuilder()
            .AddInMemoryCollection(
                bindable.Select(static property => KeyValuePair.Create($"Model:{property.Name}", (string?)TextFor(property)))
            )
            .Build();
        services.AddTessera(section);
        using ServiceProvider provider = services.BuildServiceProvider();
        ModelOptions bound = provider.GetRequiredService<IOptions<TesseraOptions>>().Value.Model!;
        Assert.Equal(
            bindable.Select(static property => $"{property.Name}: {TextFor(property)}"),
            bindable.Select(property => $"{property.Name}: {property.GetValue(bound)}")
        );
    }

    [Fact]
    public async Task The_model_is_a_service_loaded_once_and_disposed_with_its_provider()
    {
        var services = new ServiceCollection();
        services.AddTessera(static options => options.Model = TinyModel.Options);
        MultimodalModel model;
        await using (ServiceProvider provider = services.BuildServiceProvider())
        {
            model = provider.GetRequiredService<MultimodalModel>();
            Assert.Same(model, provider.GetRequiredService<MultimodalModel>());
            Assert.Same(model, provider.GetRequiredService<IChatClient>().GetService<MultimodalModel>());
            Assert.Same(model, provider.GetRequiredService<TesseraImageEmbeddingGenerator>().GetService(typeof(MultimodalModel)));
        }

        var disposed = await Assert.ThrowsAsync<ObjectDisposedException>(() => model.AnswerAsync(new Prompt("Hi")));
        Assert.Contains(nameof(MultimodalModel), disposed.ObjectName);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_pipeline_over_the_client_is_the_chat_client_of_the_container(bool isBefore)
    {
        HostApplicationBuilder builder = Builder();
        if (isBefore)
            AddPipeline(builder.Services);
        builder.Services.AddTessera(static options => options.Model = TinyModel.Options);
        if (!isBefore)
            AddPipeline(builder.Services);
        using IHost host = builder.Build();
        var client = host.Services.GetRequiredService<IChatClient>();
        Assert.NotNull(client.GetService<FunctionInvokingChatClient>());
        Assert.Same(host.Services.GetRequiredService<TesseraChatClient>(), client.GetService<TesseraChatClient>());
        ChatResponse answer = await client.GetResponseAsync([TinyModel.Question("heart.png")], TinyModel.Greedy).WaitAsync(Patience.Limit);
        Assert.Contains("heart", answer.Text, StringComparison.OrdinalIgnoreCase);
    }

    private static void AddPipeline(IServiceCollection services) =>
        services.AddChatClient(static provider => provider.GetRequiredService<TesseraChatClient>()).UseFunctionInvocation().UseLogging();

    private static HostApplicationBuilder Builder(params (string Key, string Value)[] settings)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(
            settings.Select(static setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))
        );
        return builder;
    }

    private static string TextFor(PropertyInfo property) =>
        property.PropertyType == typeof(string) ? $"a {property.Name}"
        : property.PropertyType.IsEnum ? Enum.GetNames(property.PropertyType)[^1]
        : property.PropertyType == typeof(bool) ? "False"
        : "7";
}
