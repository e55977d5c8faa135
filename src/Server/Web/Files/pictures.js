// Pictures of messages, with what the model will see of them drawn over.

const svg = (name, attributes) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};

/** A file as a data URI: its bytes as they are. */
export const read = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });

// As large as the caption, whatever the picture's size, but never larger than its slice; page.css has how large pictures are shown.
function labelSize({ width, height }, wide, high, isSmall) {
  const scale = Math.max(1, ...(isSmall ? [width / 192, height / 128] : [width / 352, height / 320]));
  return Math.min(13 * scale, wide / 3, high / 3);
}

function grid(plan, isSmall) {
  const { width, height } = plan.image;
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const slice of plan.slices.filter(({ kind }) => kind === "tile" || plan.slices.length === 1)) {
    const { left, top, width: wide, height: high } = slice.source;
    drawing.append(svg("rect", { x: left, y: top, width: wide, height: high }));
    const size = labelSize(plan.image, wide, high, isSmall);
    const label = svg("text", { x: Math.max(0, left) + size / 2, y: Math.max(0, top) + size * 1.3, "font-size": size });
    label.textContent = slice.tokens;
    drawing.append(label);
  }
  return drawing;
}

const words = (plan) => {
  const { columns, rows } = plan.grid;
  const whole = plan.slices.some(({ kind }) => kind === "overview") ? " and the whole" : "";
  const cut = plan.slices.length > 1 ? `${plan.slices.length} slices (${columns} × ${rows}${whole})` : "one slice";
  const limited = plan.limited ? `, limited from ${plan.unlimited_tokens}` : "";
  return `${plan.image.width} × ${plan.image.height}, ${cut}, ${plan.image_tokens} tokens${limited}. Text lower than ${plan.smallest_readable_text} pixels is lost.`;
};

/** A picture with its slices; its plan may come later. */
export function figure(picture, remove) {
  const node = document.createElement("figure");
  const frame = document.createElement("div");
  frame.className = "frame";
  const image = document.createElement("img");
  image.alt = picture.name;
  image.src = picture.data;
  frame.append(image);
  const caption = document.createElement("figcaption");
  caption.textContent = picture.problem ?? (picture.plan ? words(picture.plan) : picture.name);
  if (picture.problem) caption.className = "failure";
  if (picture.plan) frame.append(grid(picture.plan, Boolean(remove)));
  node.append(frame, caption);
  if (remove) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove ${picture.name}`);
    button.addEventListener("click", remove);
    node.append(button);
  }
  return node;
}
