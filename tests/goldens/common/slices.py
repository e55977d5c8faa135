"""The slices of MiniCPM-V and LLaVA-UHD: OpenBMB/MiniCPM-V finetune/dataset.py slice_image; thunlp/LLaVA-UHD, branch LLaVA-UHD-v1,
llava/slice_process.py, where multiples are rounded down instead."""
import math

import preprocess


class Slicer:
    def __init__(self, scale, patch, most, divide=round):
        self.scale, self.patch, self.most, self.divide = scale, patch, most, divide

    def ensure_divide(self, length, part):
        return max(self.divide(length / part) * part, part)

    def find_best_resize(self, size, allow_upscale=False):
        width, height = size
        if width * height > self.scale * self.scale or allow_upscale:
            ratio = width / height
            height = int(self.scale / math.sqrt(ratio))
            width = int(height * ratio)
        return self.ensure_divide(width, self.patch), self.ensure_divide(height, self.patch)

    def sliced_grid(self, size):
        """Columns and rows, or None."""
        width, height = size
        multiple = min(math.ceil(width * height / (self.scale * self.scale)), self.most)
        if multiple <= 1:
            return None
        counts = [i for i in (multiple - 1, multiple, multiple + 1) if i != 1 and i <= self.most]
        grids = [(m, count // m) for count in counts for m in range(1, count + 1) if count % m == 0]
        return min(grids, key=lambda grid: abs(math.log(width / height) - math.log(grid[0] / grid[1])))

    def refine_size(self, size, grid):
        cell = [self.ensure_divide(side, parts) / parts for side, parts in zip(size, grid)]
        width, height = self.find_best_resize(cell, allow_upscale=True)
        return width * grid[0], height * grid[1]

    def images(self, image):
        """The overview, the tiles by rows, and the grid or None."""
        grid = self.sliced_grid(image.size)
        if grid is None:
            return [preprocess.resize(image, self.find_best_resize(image.size, allow_upscale=True))], None
        refined = preprocess.resize(image, self.refine_size(image.size, grid))
        width, height = refined.width // grid[0], refined.height // grid[1]
        tiles = [refined.crop((x, y, x + width, y + height))
                 for y in range(0, refined.height, height) for x in range(0, refined.width, width)]
        return [preprocess.resize(image, self.find_best_resize(image.size)), *tiles], grid

    def facts(self, image):
        """The plan for the manifest."""
        images, grid = self.images(image)
        refined = self.refine_size(image.size, grid) if grid else images[0].size
        columns, rows = grid or (1, 1)
        return {"grid": {"columns": columns, "rows": rows}, "refined": {"width": refined[0], "height": refined[1]}}
