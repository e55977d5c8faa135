"""Questions, answers and the scoring rule for one picture's facts (`meta` of generate.py)."""
import re
from draw import COLOURS, EMOJI, SHAPES

NUMBERS = ["zero", "one", "two", "three", "four", "five"]
ASK = {
    "shape": ["What shape is this?", "Which shape is it?", "What shape is shown?", "What shape do you see?", "Name the shape.",
              "Which shape is in the picture?", "What is the shape?", "What kind of shape is this?", "Tell me the shape."],
    "colour": ["What {c} is the {s}?", "What {c} is it?", "Which {c} does the {s} have?", "What is the {c} of the {s}?",
               "Name the {c} of the {s}.", "Which {c} is it?", "Tell me the {c} of the {s}.", "What {c} does the {s} have?"],
    "where": ["Where is the {s}?", "Where is it?", "Where in the picture is the {s}?", "In which part of the picture is the {s}?",
              "What is the position of the {s}?", "Where do you see the {s}?", "Tell me where the {s} is.", "Where is the {s} located?"],
    "count": ["How many {s} are there?", "How many {s} do you see?", "How many {s} are in the picture?", "Count the {s}.",
              "What is the number of {s}?", "How many {s} can you see?", "How many {s} are shown?", "How many {s}?"],
    "read": ["What does it say?", "What is written here?", "Read the text.", "What does the text say?", "What word is this?",
             "What is the text in the picture?", "Which word is written?", "What does this say?", "Read it.",
             "What text do you see?", "What is printed in the picture?"],
    "small": ["What does the small print say?", "What does the small text say?", "Read the small print.", "What is the small print?",
              "What does the fine print say?", "Read the small text.", "What is written in small print?", "What does the small {t} say?",
              "What is the small {t}?", "Read the small {t}."],
    "number": ["What number is this?", "Which number is it?", "What number do you see?", "Read the number.", "What is the number?",
               "Which number is in the picture?"],
    "name": ["What is it?", "What is this?", "What object is this?", "What thing is shown?", "Which object do you see?",
             "What is shown here?", "Name the object.", "What does the picture show?", "Name it.", "Which thing is in the picture?"],
    "describe": ["What is in this picture?", "Describe this picture.", "What do you see?", "What is in the image?",
                 "Describe the image.", "What can you see?", "Tell me what you see.", "What is in the picture?",
                 "Describe what you see.", "Please describe this picture."],
}
# Without a picture.
CHAT = [(["Hello", "Hi", "Hey", "Hello!", "Hi there", "Good morning"], "Hello! Show me a picture and ask about it."),
        (["Who are you?", "What are you?", "What is your name?", "What can you do?", "Help", "What is this?", "What do you see?",
          "Tell me a joke.", "How do you work?", "Who made you?", "Can you help me?"],
         "I am a small model that looks at pictures. Show me one."),
        (["How are you?", "How are you doing?"], "I am fine. Show me a picture."),
        (["Thanks", "Thank you", "Thank you!", "Thanks!"], "You are welcome."), (["Bye", "Goodbye", "Bye!"], "Goodbye.")]


def article(name):
    if name.startswith("~"):
        return name[1:]
    return ("an " if name[0] in "aeio" else "a ") + name        # no name here starts with a silent h or a hard u, but "umbrella":


def a_name(name):
    return "an umbrella" if name == "umbrella" else article(name)


def plural(shape):
    return shape + ("es" if shape.endswith("s") else "s")


def at(where):
    return {"centre": "in the centre", "top": "at the top", "bottom": "at the bottom", "left": "on the left",
            "right": "on the right"}.get(where, "in the " + where)


def sentence(text):
    return text[0].upper() + text[1:] + "."


def thing(colour, shape):
    return a_name(f"{colour} {shape}")


def counted(m):
    what = " ".join(x for x in (m["colour"], m["shape"] or "shape") if x)
    return a_name(what) if m["n"] == 1 else f"{NUMBERS[m['n']]} {plural(what)}"


def facts(m):
    """Every (kind, template key, slot, answer) one can ask about a picture; the kinds are the rows of measure.py."""
    k = m["kind"]
    if k == "shape":
        s, c = m["shape"], m["colour"]
        return [("shape", "shape", "", sentence(a_name(s))),
                ("colour", "colour", (s, "shape"), sentence(c)),
                *[("position", "where", (s, "shape"), sentence(at(m["where"])))] * 3, ("describe", "name", "", sentence(thing(c, s))),
                ("count", "count", ("shapes", "objects", plural(s)), "One."),
                ("describe", "describe", "", f"This is {thing(c, s)} {at(m['where'])}."), ("none", "read", "", "There is no text.")]
    if k == "two":
        out = []
        for s, c, where in m["things"]:
            out += [("colour", "colour!", (s,), sentence(c))] + [("position", "where!", (s,), sentence(at(where)))] * 3
        both = " and ".join(thing(c, s) for s, c, _ in m["things"])
        return out + [("count", "count", ("shapes", "objects", "things"), "Two."), ("describe", "describe", "", f"This is {both}."),
                      ("describe", "name", "", sentence(both))]
    if k == "count":
        slots = ("shapes", "objects", "things") + ((plural(m["shape"]),) * 3 if m["shape"] else ())
        verb = "This is" if m["n"] == 1 else "These are"
        return [("count", "count", slots, sentence(NUMBERS[m["n"]]))] * 3 + [("describe", "describe", "", f"{verb} {counted(m)}."),
                                                                             ("describe", "name", "", sentence(counted(m)))]
    if k == "word":
        t, number = m["text"], m["text"].isdigit()
        noun = "number" if number else "word"
        return [(noun, "read", "", t)] * 3 + [("number", "number", "", t)] * number + [
            ("colour", "colour", (noun, "text"), sentence(m["colour"])), ("describe", "describe", "", f"This is the {noun} {t}."),
            ("describe", "name", "", f"The {noun} {t}.")]
    if k == "small":
        t, number = m["text"], m["text"].isdigit()
        noun = "number" if number else "word"
        out = [(noun, "small", (noun,), t)] * 4 + [(noun, "read", "", t), ("colour", "colour", (noun, "text"), sentence(m["colour"]))]
        if not m["thing"]:
            return out + [("describe", "describe", "", f"This is the {noun} {t}.")]
        c, name = m["thing"]
        beside = [("shape", "shape", "", sentence(a_name(name))), ("colour", "colour!", (name,), sentence(c))] if c else \
            [("emoji", "name", "", sentence(a_name(name)))]
        return out + beside + [("describe", "describe", "", f"This is {thing(c, name) if c else a_name(name)} and the {noun} {t}.")]
    n = m["name"]
    out = [("emoji", "name", "", sentence(a_name(n)))] * 3 + [("describe", "describe", "", f"This is {a_name(n)}."),
                                                             ("none", "read", "", "There is no text.")]
    if m["where"]:
        out.append(("position", "where", (n.lstrip("~"), "object"), sentence(at(m["where"]))))
    return out


def phrase(r, key, slot):
    q = r.choice([t for t in ASK[key.rstrip("!")] if "{s}" in t or key[-1] != "!"])      # "!": the question must name the thing
    s = r.choice(slot) if slot else ""
    q = q.replace("{c}", r.choice(("color", "colour"))).replace("{s}", s).replace("{t}", s)
    style = r.random()
    if style < .2:
        q = q.lower()
    if r.random() < .2:
        q = q.rstrip("?.")
    return q


def questions(r, m, n=None):
    """n random (or all) different questions about a picture: (kind, question, answer)."""
    f = facts(m)
    if n is None:
        f = list(dict.fromkeys(f))
    elif len(f) > n:
        f = r.sample(f, n)
    out = [(kind, phrase(r, key, slot), answer) for kind, key, slot, answer in f]
    r.shuffle(out)
    return out


def chat(r):
    qs, answer = r.choice(CHAT)
    q = r.choice(qs)
    return "chat", q.lower() if r.random() < .3 else q, answer


def found(text, names):
    """The names that occur in the text as whole words; of two that overlap only the longer counts."""
    text = " " + re.sub(r"[^a-z0-9]+", " ", text.lower().replace("gray", "grey").replace("center", "centre")) + " "
    hit = [n for n in sorted(names, key=len, reverse=True) if f" {n} " in text]
    return {n for i, n in enumerate(hit) if not any(f" {n} " in f" {longer} " for longer in hit[:i])}


PLACES = ["top left", "top right", "bottom left", "bottom right", "top", "bottom", "left", "right", "centre"]
VOCABULARY = {"shape": SHAPES, "colour": list(COLOURS), "position": PLACES, "count": NUMBERS, "none": ["no text"],
              "emoji": SHAPES + [n.lstrip("~") for _, n in EMOJI]}


def correct(kind, answer, wanted):
    """Right when the answer names exactly the key words of the wanted answer: no other colour, place, number or name."""
    if kind in ("word", "number"):
        return re.findall(r"[A-Za-z0-9]+", answer) == [wanted]
    if kind == "describe":
        read = re.search(r"[Tt]he (?:word|number) (\w+)\.", wanted)
        if read:
            return re.findall(r"\b(?:[A-Z]+|[0-9]+)\b", answer) == [read.group(1)]
        lists = [SHAPES + [n.lstrip("~") for _, n in EMOJI], [plural(s) for s in SHAPES + ["shape"]], VOCABULARY["colour"], PLACES, NUMBERS]
        return all(found(answer, v) == found(wanted, v) for v in lists)
    return found(answer, VOCABULARY[kind]) == found(wanted, VOCABULARY[kind])
