// One image made of equal tiles: a click or the arrow keys pick one of them.
const SMALLEST_PX = 28; // of a tile that a finger can hit; wider sheets scroll sideways
                        // (not maps of many units: they stay whole, arrow keys step through them)

export default function ({ data, parentElement, setStateValue }) {
  const { src, columns, count, cell, edge, size, picked, labels, alt, height, width, whole } = data;
  const box = parentElement.querySelector(".tiles");
  const picture = parentElement.querySelector("img");
  const mark = parentElement.querySelector(".mark");
  const said = parentElement.querySelector(".said");
  let place = picked;

  function show() {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const across = (value) => `${100 * value / size[0]}%`;
    const down = (value) => `${100 * value / size[1]}%`;
    mark.style.left = across(edge + column * cell[0]);
    mark.style.top = down(edge + row * cell[1]);
    mark.style.width = across(cell[0] - edge);
    mark.style.height = down(cell[1] - edge);
    mark.hidden = place < 0;
    box.setAttribute("aria-valuenow", place);
    box.setAttribute("aria-valuetext", labels[place] ?? String(place));
    said.textContent = labels[place] ?? "";
  }

  function reveal() {
    const [top, bottom] = [mark.offsetTop, mark.offsetTop + mark.offsetHeight];
    if (top < box.scrollTop || bottom > box.scrollTop + box.clientHeight) {
      box.scrollTop = top - (box.clientHeight - mark.offsetHeight) / 2;
    }
    const [left, right] = [mark.offsetLeft, mark.offsetLeft + mark.offsetWidth];
    if (left < box.scrollLeft || right > box.scrollLeft + box.clientWidth) {
      box.scrollLeft = left - (box.clientWidth - mark.offsetWidth) / 2;
    }
  }

  function go(next) {
    if (next < 0 || next >= count) return;
    place = next;
    show();
    reveal();
  }

  function tileAt(event) {
    const frame = picture.getBoundingClientRect();
    const x = (event.clientX - frame.left) / frame.width * size[0] - edge;
    const y = (event.clientY - frame.top) / frame.height * size[1] - edge;
    const column = Math.min(Math.max(Math.floor(x / cell[0]), 0), columns - 1);
    const found = Math.max(Math.floor(y / cell[1]), 0) * columns + column;
    return found < count ? found : -1;
  }

  box.style.maxHeight = height ? `${height}px` : "none";
  box.style.maxWidth = width ? `${width}px` : "none";
  picture.parentElement.style.minWidth = whole ? "0" : `${columns * SMALLEST_PX}px`;
  box.tabIndex = 0;
  box.setAttribute("role", "slider");
  box.setAttribute("aria-label", alt);
  box.setAttribute("aria-valuemin", 0);
  box.setAttribute("aria-valuemax", count - 1);
  picture.onload = reveal;
  if (picture.src !== src) picture.src = src;
  picture.alt = "";
  picture.onmousemove = (event) => { picture.title = labels[tileAt(event)] ?? ""; };
  picture.onclick = (event) => {
    const found = tileAt(event);
    if (found < 0) return;
    go(found);
    setStateValue("tile", found);
  };
  box.onkeydown = (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    if (event.key in steps) go(place + steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") setStateValue("tile", place);
    else return;
    event.preventDefault();
  };
  show();
}
