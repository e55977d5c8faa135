"""A case whose model also takes videos: some frames of the clip, by themselves and beside a picture. A family adds two methods to GoldenCase's."""
import numpy as np
import torch

import clips
import reference
import store
from golden_case import GoldenCase


def sampled(count, asked):
    """LLaVA-VL/LLaVA-NeXT, playground/demo/video_demo.py: evenly from the first frame to the last, cut to whole numbers."""
    return [int(index) for index in np.linspace(0, count - 1, asked, dtype=int)]


class VideoCase(GoldenCase):
    videos = {"clip.4": 4}                               # by name: how many frames are asked of the clip
    further = []                                         # more runs: name, wording with the media's places, names of the media
    video_token = None                                   # a token that no prompt contains, for the check with the whole class
    picture_names, pair = ("shapes", "tall"), ("shapes", "tall")

    # What a family provides.
    def prepare_frames(self, frames):
        """Pixels [frames, 3, height, width]."""
        raise NotImplementedError

    def encode_video(self, pixels):
        """Tower output [frames, patches, hidden] and embeddings [tokens, width]."""
        raise NotImplementedError

    def class_logits_of(self, ids, pixels, images, clips_shown):
        """The whole class on ids with placeholders for pictures and videos (pixels of each): the last position's logits."""
        raise NotImplementedError

    def variants(self, folder, pixels):
        """What other keys make of the first video: entries of the manifest's variants."""
        return []

    # What all share.
    def surroundings(self, picture, index):
        return [{"video": picture}] if picture in self.videos else super().surroundings(picture, index)

    def check_class(self, run):
        ids = []
        for span in run.spans:
            token = self.vocabulary.tokens.index(self.video_token) if "video" in span else self.placeholder
            ids += span["ids"] if "ids" in span else [token] * len(reference.rows(span, self.embeddings))
        pictures = [p for p in run.pictures if p not in self.videos]
        with torch.no_grad():
            logits = self.class_logits_of(torch.tensor([ids]), [self.prepared[p] for p in pictures], [self.images[p] for p in pictures],
                                          [self.prepared[p] for p in run.pictures if p in self.videos])
        assert logits is None or np.abs(logits.numpy() - run.logits).max() < 1e-4, f"{run.prompt}: the class disagrees with the spans"

    def more(self, folder):
        frames = clips.draw(folder.parent.parent / "pictures")
        entries = {name: self._video(folder, name, frames, asked) for name, asked in self.videos.items()}
        first = next(iter(self.videos))
        more = {"videos": entries, "video_runs": self._ask_videos(folder, first)}
        variants = self.variants(folder, self.prepared[first])
        return {**more, "variants": variants} if variants else more

    def _video(self, folder, name, frames, asked):
        indexes = sampled(len(frames), asked)
        pixels = self.prepare_frames([frames[index] for index in indexes])
        self.prepared[name] = pixels
        features, self.embeddings[name] = self.encode_video(pixels)
        kept = store.save(folder, f"{name}.pixels", pixels) if pixels.nbytes <= self.largest_pixels else store.digest_of_values(pixels)
        return {"frames": [f"../../pictures/clip/{index + 1}.png" for index in range(len(frames))],
                "animations": ["../../pictures/clip.gif", "../../pictures/clip.webp"], "frame_count": asked, "indexes": indexes,
                "width": frames[0].width, "height": frames[0].height, "tokens": len(self.embeddings[name]), "pixels": {"original": kept},
                "features": store.save(folder, f"{name}.features", features),
                "embeddings": store.save(folder, f"{name}.embeddings", self.entering(self.embeddings[name]))}

    def _ask_videos(self, folder, first):
        wanted = [(f"{v}.{label}", [form.format(q) for q in self.questions], [v]) for v in self.videos for label, form in self.prompts.items()]
        both = f"A {reference.MEDIA} and {reference.MEDIA}?"
        wanted.append(("mixed.raw", [both] + [f"{both} {q}" for q in self.questions], [first, self.picture_names[0]]))
        wanted += [(label, [form.format(q) for q in self.questions], shown) for label, form, shown in self.further]
        runs = []
        for label, prompts, shown in wanted:
            run = self.ask(folder, label, prompts, shown)
            runs.append({"name": label, "media": [{"video" if name in self.videos else "picture": name} for name in run.pop("pictures")],
                         **{key: value for key, value in run.items() if key != "name"}})
        return runs
