using Tessera.ChatTemplates;
using Tessera.Prompting;
using Tessera.Vision.Families;

namespace Tessera.Engine.Tests.Prompting;

/// <summary>Messages of any roles in the wording of families without a chat template.</summary>
public sealed class MessageExchangesTests
{
    private const string Marker = MediaMarker.Text;
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
        Assert.Equal([" > Welcome", "One\nTwo > A\nB", "Three > "], exchanges.Select(Shown));
        Assert.Equal([" > Go", " > "], Of(new ChatTemplateMessage("assistant", "Go")).Exchanges.Select(Shown));
    }

    [Fact]
    public void Pictures_between_texts_keep_their_places_and_others_go_in_front()
    {
        Assert.Equal(
            $"{Marker}\nWhat?" + " > ",
            Shown(Assert.Single(Of(new ChatTemplateMessage("user", [new("What?"), Picture])).Exchanges))
        );
        Assert.Equal(
            $"{Marker}\n{Marker}\nWhat?" + " > ",
            Shown(Assert.Single(Of(new ChatTemplateMessage("user", [Picture, Picture, new("What?")])).Exchanges))
        );
        Assert.Equal(
            $"Is {Marker} like {Marker}?" + " > ",
            Shown(Assert.Single(Of(new ChatTemplateMessage("user", [new("Is "), Picture, new(" like "), Picture, new("?")])).Exchanges))
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
        IReadOnlyList<Exchange> exchanges = Of(new("user", $"See {Marker}"), new("assistant", Marker)).Exchanges;
        IReadOnlyList<PromptSegment> prompt = FamilyConversation.Write(FamilyPrompt.Vicuna, "", exchanges);
        Assert.DoesNotContain(prompt, static segment => segment.IsImage);
        Assert.Contains($"See {Marker}", string.Concat(prompt.Select(static segment => segment.Text)), StringComparison.Ordinal);
    }

    private static string Shown(Exchange exchange) =>
        $"{string.Concat(exchange.Parts.Select(static part => part.Text ?? Marker))} > {exchange.Answer}";

    private static (string? System, IReadOnlyList<Exchange> Exchanges) Of(params ChatTemplateMessage[] messages) =>
        MessageExchanges.Of(FamilyPrompt.Vicuna, messages, []);
}
