using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.CogVlm;

/// <summary>
/// The picture stretched to the tower's input. Its patches all stand at one position, between those of the two ends, and all but the end
/// are read by the language model's visual expert:
/// <code>
/// begin  patches          end
/// p      p + 1 ... p + 1  p + 2
/// </code>
/// Source: THUDM/cogvlm2-llama3-chat-19B, modeling_cogvlm.py, build_conversation_input_ids, build_position_ids and get_expert_mask; for
/// several pictures THUDM/CogVLM, utils/utils/language.py, llama2_text_processor.
/// </summary>
internal sealed class CogVlmImageProcessor(CogVlmConfig config)
    : SquaredImages(
        config.Tower.ImageSize,
        AspectRatioRule.Stretch,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [
            new LayoutSpan("overview", config.PatchTokens + 2)
            {
                PositionOffsets = [0, .. Enumerable.Repeat(1, config.PatchTokens), 2],
                TextTail = 1,
            },
        ]
    );
