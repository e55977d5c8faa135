"""The text the small vocabularies learn from, and the questions the goldens may ask."""
from reference import VICUNA

QUESTIONS = [
    "What is this?", "What do you see?", "Describe the picture.", "Which colours are here?", "Is it day or night?",
    "How many edges?", "Read the text.", "Where is the red one?", "Who made this?", "Is there a tile?", "What is on the left?",
    "What is on the right?", "Tell me more.", "Is this a photo?", "Name the shape.", "Why is it dark?", "What comes next?",
    "Give one word.", "Can you read it?", "What is behind it?", "Is it large?", "Is it small?", "Say what you see.",
    "What is it for?", "Does it move?", "Write a title.", "Which tile is odd?", "What is at the top?", "What is below?",
    "Count the lines.", "Is it glass?", "Is it stone?", "Who is there?", "What is missing?", "Is it broken?",
    "How old is it?", "Where was it made?", "What is the main colour?", "Is it a wall?", "Is it a floor?"]
CORPUS = [VICUNA.format("")] * 2 + QUESTIONS + [
    "Look again.",
    "A picture and a picture?", "The tesserae of a mosaic are small tiles of stone or glass.",
    "The quick brown fox jumps over the lazy dog; JUMP, Zebra! Vex 0123456789 (kind of) 'quoted' text - yes: no."]
QUESTIONS += ["Look again. " + question for question in QUESTIONS]
