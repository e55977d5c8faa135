using Tessera.ChatTemplates;
using Tessera.Prompting;
using Tessera.Vision.Families;

namespace Tessera.Engine.Tests.Prompting;

/// <summary>Messages of any roles in the wording of families without a chat template.</summary>
public sealed class MessageExchangesTests
{
    private const string Marker = PromptText.ImageMarker;
    private static readonly ChatTemplatePart Picture = ChatTemplatePart.Image;

    [Fact]
    public void Users_who_speak_twice_speak_in_one_turn_and_an_answer_may_come_first()
    {
        (string? system, IReadOnlyList<Exchange> exchanges) = Of(
            new("system", "Be brief."),
            new("assistant", "Welcome"),
            new("user", "One"),
            new("user", "Two"),
            new("assistant", "A"),
            new("assistant", "B"),
            new("user", "Three")
        );
        Assert.Equal("Be brief.", system);
        Assert.Equal([new Exchange("", 0, "Welcome"), new Exchange("One\nTwo", 0, "A\nB"), new Exchange("Three", 0, null)], exchanges);
        Assert.Equal([new Exchange("", 0, "Go"), new Exchange("", 0, null)], Of(new ChatTemplateMessage("assistant", "Go")).Exchanges);
    }

    [Fact]
    public void Pictures_between_texts_keep_their_places_and_others_go_in_front()
    {
        Assert.Equal(
            new Exchange($"{Marker}\nWhat?", 1, null),
            Assert.Single(Of(new ChatTemplateMessage("user", [new("What?"), Picture])).Exchanges)
        );
        Assert.Equal(
            new Exchange($"{Marker}\n{Marker}\nWhat?", 2, null),
            Assert.Single(Of(new ChatTemplateMessage("user", [Picture, Picture, new("What?")])).Exchanges)
        );
        Assert.Equal(
            new Exchange($"Is {Marker} like {Marker}?", 2, null),
            Assert.Single(Of(new ChatTemplateMessage("user", [new("Is "), Picture, new(" like "), Picture, new("?")])).Exchanges)
        );
    }

    [Fact]
    public void What_the_wording_has_no_place_for_is_refused_by_its_message()
    {
        ChatTemplateMessage call = new("assistant", "") { ToolCalls = [new ChatTemplateToolCall("1", "f", TemplateValue.Map())] };
        Assert.Contains(
            "message 1, of the role system",
            Assert.Throws<TesseraException>(() => Of(new("user", "Hi"), new("system", "Late"))).Message
        );
        Assert.Contains(
            "message 1, of the role tool",
            Assert.Throws<TesseraException>(() => Of(new("user", "Hi"), new("tool", "42"))).Message
        );
        Assert.Contains("calls of tools", Assert.Throws<TesseraException>(() => Of(new("user", "Hi"), call)).Message);
        Assert.Contains(
            "told of tools",
            Assert.Throws<TesseraException>(() => MessageExchanges.Of(FamilyPrompt.Vicuna, [new("user", "Hi")], ["tools"])).Message
        );
    }

    [Fact]
    public void A_text_that_holds_the_marker_opens_no_place()
    {
        var transcript = new Transcript([new("user", "Hi"), new("assistant", $"See {Marker}")]);
        Assert.Equal("See ", transcript.CheckedMessages()[1].Text);
        TesseraException refused = Assert.Throws<TesseraException>(() => new Transcript([new("user", $"See {Marker}")]).CheckedMessages());
        Assert.StartsWith("Message 0 holds", refused.Message);
    }

    private static (string? System, IReadOnlyList<Exchange> Exchanges) Of(params ChatTemplateMessage[] messages) =>
        MessageExchanges.Of(FamilyPrompt.Vicuna, messages, []);
}
