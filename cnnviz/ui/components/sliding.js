// A kernel slides over an image: everything is computed already, this only shows it.
export default function ({ data, parentElement, setStateValue }) {
  const find = (selector) => parentElement.querySelector(selector);
  const { padded, white, padding, kernel, output: values, stride, dilation, bias, relu } = data;
  const { colors, paddingColor, windowColor } = data;
  const rows = values.length, columns = values[0].length, side = kernel.length;
  const input = find(".input"), output = find(".output"), speed = find(".speed");
  const isStill = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  // what goes on when other numbers come: a paused animation stays paused
  const kept = (parentElement.kept ??= { playing: !isStill, timer: null });
  clearTimeout(kept.timer);
  let place = 0, reached = 0;

  const cellSize = (height, width) => Math.max(4, Math.floor(480 / Math.max(height, width)));
  const inCell = cellSize(padded.length, padded[0].length);
  const outCell = cellSize(rows, columns);
  const number = (value) => {
    const rounded = Math.abs(value) >= 100 ? value.toFixed(0) : String(+value.toFixed(2));
    return rounded.replace("-", "−");
  };

  function drawInput(top, left) {
    const paper = input.getContext("2d");
    input.width = padded[0].length * inCell;
    input.height = padded.length * inCell;
    padded.forEach((line, y) => line.forEach((value, x) => {
      const gray = Math.round(value * 255 / white);
      paper.fillStyle = `rgb(${gray},${gray},${gray})`;
      paper.fillRect(x * inCell, y * inCell, inCell, inCell);
    }));
    if (padding) {
      paper.setLineDash([4, 3]);
      paper.strokeStyle = paddingColor;
      paper.lineWidth = 2;
      paper.strokeRect(padding * inCell, padding * inCell,
        input.width - 2 * padding * inCell, input.height - 2 * padding * inCell);
      paper.setLineDash([]);
    }
    paper.strokeStyle = windowColor;
    paper.lineWidth = 2;
    for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) {
      paper.strokeRect((left + j * dilation) * inCell + 1, (top + i * dilation) * inCell + 1,
        inCell - 2, inCell - 2);
    }
  }

  function drawOutput() {
    const paper = output.getContext("2d");
    output.width = columns * outCell;
    output.height = rows * outCell;
    values.forEach((line, y) => line.forEach((_, x) => {
      const known = y * columns + x <= reached;
      paper.fillStyle = known ? `rgb(${colors[y][x].join(",")})` : "rgba(128,128,128,0.18)";
      paper.fillRect(x * outCell, y * outCell, outCell, outCell);
    }));
    paper.strokeStyle = windowColor;
    paper.lineWidth = 3;
    const [row, column] = [Math.floor(place / columns), place % columns];
    paper.strokeRect(column * outCell + 1, row * outCell + 1, outCell - 2, outCell - 2);
  }

  function table(values, caption) {
    const lines = values.map((line) =>
      `<tr>${line.map((value) => `<td>${number(value)}</td>`).join("")}</tr>`).join("");
    return `<table><caption>${caption}</caption><tbody>${lines}</tbody></table>`;
  }

  function show() {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const [top, left] = [row * stride, column * stride];
    drawInput(top, left);
    drawOutput();
    const patch = kernel.map((line, i) =>
      line.map((_, j) => padded[top + i * dilation][left + j * dilation]));
    const products = patch.map((line, i) => line.map((value, j) => value * kernel[i][j]));
    const sum = products.flat().reduce((all, value) => all + value, 0);
    find(".tables").innerHTML = side > 7 ? "" : table(patch, "under the window")
      + "<span>×</span>" + table(kernel, "kernel") + "<span>=</span>" + table(products, "products");
    const afterBias = bias ? ` ${bias < 0 ? "−" : "+"} ${number(Math.abs(bias))} = ${number(sum + bias)}` : "";
    const afterRelu = relu ? `, after the ReLU ${number(Math.max(sum + bias, 0))}` : "";
    find(".sum").textContent =
      `Row ${row}, column ${column}: the products add up to ${number(sum)}${afterBias}${afterRelu}`;
    find(".play").textContent = kept.playing ? "Pause" : "Play";
  }

  function go(next) {
    place = (next + rows * columns) % (rows * columns);
    reached = place === 0 ? 0 : Math.max(reached, place);
    show();
  }

  function tick() {
    clearTimeout(kept.timer);
    if (kept.playing) kept.timer = setTimeout(() => { go(place + 1); tick(); }, 1000 / speed.value);
  }

  function stop() { kept.playing = false; tick(); }

  find(".play").onclick = () => { kept.playing = !kept.playing; show(); tick(); };
  find(".back").onclick = () => { stop(); go(place - 1); };
  find(".step").onclick = () => { stop(); go(place + 1); };
  speed.oninput = tick;
  output.onclick = (event) => {
    const box = output.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / box.width * columns);
    const row = Math.floor((event.clientY - box.top) / box.height * rows);
    stop();
    reached = rows * columns;
    go(Math.min(row, rows - 1) * columns + Math.min(column, columns - 1));
    setStateValue("cell", [Math.min(row, rows - 1), Math.min(column, columns - 1)]);
  };
  show();
  tick();
  return () => clearTimeout(kept.timer);
}
