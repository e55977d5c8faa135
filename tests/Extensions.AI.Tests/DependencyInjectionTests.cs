using System.Collections.Concurrent;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tessera.Extensions.AI.Tests.Support;

namespace Tessera.Extensions.AI.Tests;

/// <summary>Models from a container: loaded on first use, once, and disposed once.</summary>
public sealed class DependencyInjectionTests
{
    [Fact]
    public async Task A_model_is_loaded_on_first_use_with_progress_and_log()
    {
        var progress = new RecordedProgress();
        var log = new RecordedLog();
        var services = new ServiceCollection();
        services.AddSingleton<ILoggerFactory>(log);
        services.AddTessera(options => (options.Model, options.Progress) = (TinyModel.Options, progress));
        MultimodalModel model;
        await using (ServiceProvider provider = services.BuildServiceProvider())
        {
            var client = provider.GetRequiredService<IChatClient>();
            var generator = provider.GetRequiredService<IEmbeddingGenerator<DataContent, Embedding<float>>>();
            Assert.Null(client.GetService<MultimodalModel>());
            Assert.Equal("tessera-tiny-Q8_0", client.GetService<ChatClientMetadata>()!.DefaultModelId);
            Assert.Empty(progress.Stages);
            Task<ChatResponse> answer = client.GetResponseAsync([TinyModel.Question("heart.png")], TinyModel.Greedy);
            Task<GeneratedEmbeddings<Embedding<float>>> embeddings = generator.GenerateAsync([TinyModel.Picture("heart.png")]);
            Assert.Contains("heart", (await answer.WaitAsync(Patience.Limit)).Text, StringComparison.OrdinalIgnoreCase);
            Assert.Single(await embeddings.WaitAsync(Patience.Limit));
            model = client.GetService<MultimodalModel>()!;
            Assert.Same(model, generator.GetService<MultimodalModel>());
            Assert.Contains(EngineStage.LoadModel, progress.Stages);
            Assert.Contains(EngineStage.LoadProjector, progress.Stages);
            Assert.Single(log.Lines, static line => line.StartsWith("Loaded tessera-tiny-Q8_0", StringComparison.Ordinal));
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.AnswerAsync(new Prompt("Hi")));
    }

    [Fact]
    public async Task Two_models_have_keys()
    {
        var services = new ServiceCollection();
        services
            .AddTessera(static options => options.Model = TinyModel.Options)
            .AddKeyedTessera("second", options => (options.Model, options.ModelId) = (TinyModel.Options, "other"));
        await using ServiceProvider provider = services.BuildServiceProvider();
        var first = provider.GetRequiredService<IChatClient>();
        var second = provider.GetRequiredKeyedService<IChatClient>("second");
        Assert.NotSame(first, second);
        Assert.Equal("other", (await second.GetResponseAsync([TinyModel.Question("heart.png")], TinyModel.Greedy)).ModelId);
        Assert.Null(first.GetService<MultimodalModel>());
        Assert.Contains(
            "heart",
            (await first.GetResponseAsync([TinyModel.Question("heart.png")], TinyModel.Greedy)).Text,
            StringComparison.OrdinalIgnoreCase
        );
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(15, false)]
    [InlineData(60, true)]
    [InlineData(200, false)]
    public async Task A_container_may_be_disposed_while_a_model_loads_or_answers(int milliseconds, bool isSynchronous)
    {
        var services = new ServiceCollection();
        services.AddTessera(static options => options.Model = TinyModel.Options);
        ServiceProvider provider = services.BuildServiceProvider();
        var client = provider.GetRequiredService<IChatClient>();
        Task<ChatResponse> answer = client.GetResponseAsync([TinyModel.Question("shapes.png")], TinyModel.Greedy);
        await Task.Delay(milliseconds);
        if (isSynchronous)
            await Task.Run(provider.Dispose).WaitAsync(Patience.Limit);
        else
            await provider.DisposeAsync().AsTask().WaitAsync(Patience.Limit);
        Exception? failure = await Record.ExceptionAsync(() => answer.WaitAsync(Patience.Limit));
        Assert.True(failure is null or ObjectDisposedException, $"{failure}");
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync("Hi"));
    }

    [Fact]
    public async Task A_load_that_fails_says_why_and_is_tried_again()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        string path = Path.Combine(folder, "model.gguf");
        var services = new ServiceCollection();
        services.AddTessera(options => options.Model = TinyModel.Options with { ModelPath = path });
        await using (ServiceProvider provider = services.BuildServiceProvider())
        {
            var client = provider.GetRequiredService<IChatClient>();
            ModelFileException missing = await Assert.ThrowsAsync<ModelFileException>(() => client.GetResponseAsync("Hi"));
            Assert.StartsWith(path, missing.Message);
            File.Copy(TinyModel.Options.ModelPath, path);
            Assert.NotEmpty((await client.GetResponseAsync([TinyModel.Question("heart.png")], TinyModel.Greedy)).Text);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_caller_who_gives_up_does_not_stop_the_loading()
    {
        var services = new ServiceCollection();
        services.AddTessera(static options => options.Model = TinyModel.Options);
        await using ServiceProvider provider = services.BuildServiceProvider();
        var client = provider.GetRequiredService<IChatClient>();
        using var stop = new CancellationTokenSource();
        Task<ChatResponse> given = client.GetResponseAsync([TinyModel.Question("heart.png")], TinyModel.Greedy, stop.Token);
        Task<ChatResponse> kept = client.GetResponseAsync([TinyModel.Question("heart.png")], TinyModel.Greedy);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.WaitAsync(Patience.Limit));
        Assert.NotEmpty((await kept.WaitAsync(Patience.Limit)).Text);
    }

    private sealed class RecordedProgress : IProgress<EngineProgress>
    {
        public ConcurrentQueue<EngineStage> Stages { get; } = new();

        public void Report(EngineProgress value) => Stages.Enqueue(value.Stage);
    }

    private sealed class RecordedLog : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public void AddProvider(ILoggerProvider provider) { }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => Lines.Enqueue(formatter(state, exception));

        public void Dispose() { }
    }
}
