"""A short clip in three forms that show the same pixels: frames by number, an animated GIF and an animated WebP (see FRAMES)."""
from PIL import Image, ImageDraw

SIZE, COUNT, MILLISECONDS = (96, 64), 11, 80                          # frames/1.png to 11.png: an order by name alone would put 10 before 2
# At most 16 colours, so that a GIF loses nothing.
COLOURS = [(20, 30, 60), (230, 200, 60), (200, 40, 40), (40, 150, 80), (240, 240, 240), (0, 0, 0), (90, 90, 200), (250, 130, 20)]


def frame(index):
    """A ball that crosses a room whose lamp changes its colour; the number of the frame is drawn as bars."""
    image = Image.new("RGB", SIZE, COLOURS[0])
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 48, 95, 63], fill=COLOURS[3])
    draw.rectangle([70, 6, 88, 20], fill=COLOURS[1 + index % 7])
    x, y = 8 + 7 * index, 40 - (index * (COUNT - 1 - index))
    draw.ellipse([x - 7, y - 7, x + 7, y + 7], fill=COLOURS[2])
    for bar in range(index + 1):
        draw.rectangle([3 + 8 * bar, 53, 6 + 8 * bar, 60], fill=COLOURS[4])
    return image


def draw(folder):
    """Draws clip/, clip.gif and clip.webp into folder; returns the frames in order, as read back from the files."""
    (folder / "clip").mkdir(parents=True, exist_ok=True)
    made = [frame(index) for index in range(COUNT)]
    for index, image in enumerate(made):
        image.quantize(16).save(folder / "clip" / f"{index + 1}.png", optimize=True)
    frames = [Image.open(folder / "clip" / f"{index + 1}.png").convert("RGB") for index in range(COUNT)]
    assert all(image.tobytes() == kept.tobytes() for image, kept in zip(made, frames))
    made[0].save(folder / "clip.gif", save_all=True, append_images=made[1:], duration=MILLISECONDS, loop=0, optimize=True)
    made[0].save(folder / "clip.webp", save_all=True, append_images=made[1:], duration=MILLISECONDS, loop=0, lossless=True, exact=True)
    for file in ("clip.gif", "clip.webp"):
        animated = Image.open(folder / file)
        assert animated.n_frames == COUNT, f"{file} has {animated.n_frames} frames"
        for index, image in enumerate(frames):
            animated.seek(index)
            assert animated.convert("RGB").tobytes() == image.tobytes(), f"{file}, frame {index} shows something else"
    return frames
