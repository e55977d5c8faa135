#!/usr/bin/env python3
"""Makes docs/cast.svg: chat and look in a real terminal (tmux), as an animated picture.

    python3 docs/make-cast.py [PROGRAM]

PROGRAM is the built tessera, by default artifacts/publish/tessera. Needs tmux. Each screen is what tmux shows; how long it is shown is set
here, so that the picture does not depend on the machine's speed.
"""
import html
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WIDTH, HEIGHT = 84, 34
CELL_WIDTH, CELL_HEIGHT, MARGIN = 8, 17, 10
PALETTE = ["#000000", "#cc5555", "#55aa55", "#ccaa44", "#5577cc", "#aa66aa", "#44aaaa", "#cccccc"]
FOREGROUND, BACKGROUND, DIM = "#dddddd", "#16181d", "#8a8f98"


class Terminal:
    """A tmux server of its own with one pane, and the screens that were kept of it."""

    def __init__(self, program):
        self.folder = tempfile.mkdtemp(prefix="tessera-cast-")
        os.symlink(os.path.abspath(program), os.path.join(self.folder, "tessera"))
        self.frames = []
        environment = dict(os.environ, PATH=self.folder + ":/usr/bin:/bin", PS1="$ ", COLORTERM="truecolor", XDG_STATE_HOME=self.folder)
        for name in ("TMUX", "NO_COLOR", "TESSERA_MODEL"):
            environment.pop(name, None)
        self.environment = environment
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), "-c", os.path.join(ROOT, "samples"),
                  "bash", "--norc", "--noprofile", "-i")

    def tmux(self, *arguments):
        command = ["tmux", "-u", "-S", os.path.join(self.folder, "socket"), *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout

    def keep(self, seconds):
        screen = self.tmux("capture-pane", "-p", "-e").split("\n")[:HEIGHT]
        column, row = map(int, self.tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").split())
        self.frames.append((screen, (column, row), seconds))

    def wait(self, last_row):
        for _ in range(1200):
            rows = [row.rstrip() for row in self.tmux("capture-pane", "-p").rstrip("\n").split("\n")]
            if rows and re.fullmatch(last_row, rows[-1]):
                return
            time.sleep(0.05)
        raise SystemExit(f"The screen did not end with {last_row}:\n" + "\n".join(rows))

    def enter(self, text, last_row, pause):
        for character in text:
            self.tmux("send-keys", "-l", "--", character)
            time.sleep(0.03)
            self.keep(0.05)
        self.keep(0.3)
        self.tmux("send-keys", "Enter")
        self.wait(last_row)
        self.keep(pause)

    def close(self):
        subprocess.run(["tmux", "-S", os.path.join(self.folder, "socket"), "kill-server"], env=self.environment, check=False)


def colour_of(codes, default):
    """The colour that the numbers after 38 or 48 name, and how many they are."""
    if codes[:1] == [2]:
        return "#%02x%02x%02x" % tuple(codes[1:4]), 4
    if codes[:1] == [5] and codes[1] < 8:
        return PALETTE[codes[1]], 2
    return default, 2


def runs_of(row, style):
    """The stretches of a row that look alike: column, text, foreground, background; and the style that the next row begins with."""
    column, runs = 0, []
    for part in re.split(r"(\x1b\[[0-9;]*m|\x1b[()].)", row):
        if not part.startswith("\x1b"):
            if part:
                runs.append((column, part, *style))
                column += len(part)
            continue
        codes = [int(code or 0) for code in part[2:-1].split(";")] if part.startswith("\x1b[") else []
        foreground, background = style
        while codes:
            code = codes.pop(0)
            if code == 0:
                foreground, background = FOREGROUND, None
            elif code == 2:
                foreground = DIM
            elif code in (22, 39):
                foreground = FOREGROUND
            elif code == 49:
                background = None
            elif 30 <= code < 38:
                foreground = PALETTE[code - 30]
            elif code in (38, 48):
                colour, used = colour_of(codes, FOREGROUND)
                codes = codes[used:]
                foreground, background = (colour, background) if code == 38 else (foreground, colour)
        style = (foreground, background)
    return runs, style


def draw_row(runs):
    """A row as SVG at the origin; half blocks become rectangles, two pixels a cell."""
    drawn = []
    for column, text, foreground, background in runs:
        x, width = column * CELL_WIDTH, len(text) * CELL_WIDTH
        if background:
            drawn.append(f'<path fill="{background}" d="M{x} 0h{width}v{CELL_HEIGHT}h-{width}"/>')
        if set(text) == {"\u2580"}:
            drawn.append(f'<path fill="{foreground}" d="M{x} 0h{width}v{CELL_HEIGHT / 2}h-{width}"/>')
        elif text.strip():
            drawn.append(f'<text x="{x}" y="13" fill="{foreground}" textLength="{width}" xml:space="preserve">{html.escape(text)}</text>')
    return "".join(drawn)


def write_svg(frames, path):
    width, height = WIDTH * CELL_WIDTH + 2 * MARGIN, HEIGHT * CELL_HEIGHT + 2 * MARGIN
    total = sum(seconds for _, _, seconds in frames)
    rows, groups, styles, start = {}, [], [], 0.0
    for index, (screen, (column, row), seconds) in enumerate(frames):
        uses, style = [], (FOREGROUND, None)
        for y, text in enumerate(screen):
            runs, style = runs_of(text, style)
            drawn = draw_row(runs)
            if drawn:
                name = rows.setdefault(drawn, f"r{len(rows)}")
                uses.append(f'<use href="#{name}" y="{y * CELL_HEIGHT}"/>')
        cursor = f'<path fill="{DIM}" fill-opacity=".7" d="M{column * CELL_WIDTH} {row * CELL_HEIGHT}h{CELL_WIDTH}v{CELL_HEIGHT}h-{CELL_WIDTH}"/>'
        groups.append(f'<g class="f" style="animation-name:k{index}">{"".join(uses)}{cursor}</g>')
        first, last = 100 * start / total, 100 * (start + seconds) / total
        before = f"0%,{first:.3f}%{{visibility:hidden}}" if index else ""
        styles.append(f"@keyframes k{index}{{{before}{first + 0.0005:.4f}%,{last:.3f}%{{visibility:visible}}{last + 0.0005:.4f}%,100%{{visibility:hidden}}}}")
        start += seconds
    style = (f"text{{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}}"
             f".f{{visibility:hidden;animation:{total:.2f}s step-end infinite}}" + "".join(styles))
    definitions = "".join(f'<g id="{name}">{drawn}</g>' for drawn, name in rows.items())
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
                   f"<title>tessera chat and tessera look in a terminal</title><style>{style}</style>"
                   f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/><defs>{definitions}</defs>'
                   f'<g transform="translate({MARGIN} {MARGIN})">{"".join(groups)}</g></svg>\n')


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "artifacts", "publish", "tessera")
    terminal = Terminal(program)
    try:
        terminal.wait(r"\$")
        terminal.keep(0.8)
        terminal.enter("tessera chat --temperature 0", ">", 1.0)
        terminal.enter("shapes.png What is in this picture?", ">", 2.5)
        terminal.enter("What colour is the star?", ">", 1.5)
        terminal.enter("/exit", r"\$", 0.6)
        terminal.tmux("send-keys", "C-l")
        time.sleep(0.3)
        terminal.enter("tessera look -m tiny-next small-print.png", r"\$", 3.5)
    finally:
        terminal.close()
    write_svg(terminal.frames, os.path.join(ROOT, "docs", "cast.svg"))


if __name__ == "__main__":
    main()
