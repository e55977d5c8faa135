using Tessera.Text.Scheduling;

namespace Tessera.Engine.Tests.Text;

/// <summary>Where there are beams enough, they find what looking at every answer finds; what one beam finds is greedy.</summary>
public sealed class BeamSearchTests
{
    private const int VocabularySize = 4;
    private const int Longest = 3;

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 0, 1)]
    [InlineData(3, -1, 1)]
    [InlineData(4, 2, 1.7)]
    [InlineData(5, 0.5, 1.3)]
    public void So_many_beams_as_answers_find_the_best(int seed, float lengthPenalty, float repeatPenalty)
    {
        var model = new Model(seed);
        var search = new BeamSearch(new BeamSettings(64, lengthPenalty, repeatPenalty, Longest), [], static token => token == 0, 1);
        Run(search, model);
        IReadOnlyList<int> best = Model
            .Answers()
            .MaxBy(answer => model.Score(answer, repeatPenalty) / Math.Pow(answer.Count, lengthPenalty))!;
        Assert.Equal(best, search.Best);
    }

    [Fact]
    public void One_beam_takes_the_likeliest_each_time()
    {
        var model = new Model(6);
        var search = new BeamSearch(new BeamSettings(1, 1, 1, Longest), [], static token => token == 0, 1);
        Run(search, model);
        List<int> greedy = [];
        while (greedy.Count < Longest && greedy.LastOrDefault(1) != 0)
            greedy.Add(Enumerable.Range(0, VocabularySize).MaxBy(token => model.Logits(greedy)[token]));
        Assert.Equal(greedy, search.Best);
    }

    [Fact]
    public void A_step_names_the_beams_that_go_on_the_likeliest_first()
    {
        var search = new BeamSearch(new BeamSettings(2, 1, 1, 8), [], static token => token == 0, 1);
        Assert.Equal([new BeamStep(0, 3), new BeamStep(0, 1)], search.Advance(static _ => new float[] { -9, 1.9f, 0, 2 }));
        // Both of the likeliest come from the second beam.
        IReadOnlyList<BeamStep> steps = search.Advance(static beam => beam == 0 ? new float[] { 0, 0, 0, 0 } : [-9, -9, 9, 9]);
        Assert.Equal([1, 1], steps.Select(static step => step.Source));
        Assert.False(search.IsOver);
    }

    private static void Run(BeamSearch search, Model model)
    {
        List<List<int>> beams =
        [
            [],
        ];
        while (!search.IsOver)
        {
            List<List<int>> before = beams;
            beams = [.. search.Advance(beam => model.Logits(before[beam])).Select(step => (List<int>)[.. before[step.Source], step.Token])];
        }
    }

    /// <summary>Logits that depend on what stands before.</summary>
    private sealed class Model(int seed)
    {
        public float[] Logits(IReadOnlyList<int> before)
        {
            var random = new Random(before.Aggregate(seed, static (mixed, token) => mixed * 31 + token + 7));
            return [.. Enumerable.Range(0, VocabularySize).Select(_ => (float)(random.NextDouble() * 4))];
        }

        public static IEnumerable<IReadOnlyList<int>> Answers(params int[] before)
        {
            if (before.Length == Longest || before.LastOrDefault(1) == 0)
                return [before];
            return Enumerable.Range(0, VocabularySize).SelectMany(token => Answers([.. before, token]));
        }

        public double Score(IReadOnlyList<int> answer, float repeatPenalty)
        {
            double score = 0;
            for (int length = 0; length < answer.Count; length++)
            {
                float[] logits = Logits([.. answer.Take(length)]);
                double likelihood = logits[answer[length]] - Math.Log(logits.Sum(static logit => Math.Exp(logit)));
                score += answer.Take(length).Contains(answer[length]) ? likelihood * repeatPenalty : likelihood;
            }

            return score;
        }
    }
}
