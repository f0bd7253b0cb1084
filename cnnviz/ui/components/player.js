// Plays timelines of trainings: all frames are here already, this only shows them.
// What outlives a new set of frames, also where Streamlit loads this file anew: where each timeline is.
const players = (globalThis.cnnvizPlayers ??= new Map());

export default function ({ data, key, parentElement }) {
  const find = (selector) => parentElement.querySelector(selector);
  const { reels } = data;
  const steps = [...new Set(reels.flatMap((reel) => reel.steps))].sort((a, b) => a - b);
  const last = steps.length - 1;
  const time = find(".time"), speed = find(".speed"), screen = find(".screen");
  const kept = players.get(key)
    ?? { step: Infinity, speed: 2, playing: false, timer: null };
  players.set(key, kept);
  clearTimeout(kept.timer);
  let place = Math.max(0, steps.findLastIndex((step) => step <= kept.step));
  const decoding = [], bitmaps = [];

  function make(kind, parent, className, text) {
    const element = document.createElement(kind);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  function drawing(kind, parent, settings, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [name, value] of Object.entries(settings)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  // Bitmaps stay decoded, which images need not: a frame costs no more than copying.
  function loaded(addresses) {
    const sheets = addresses.map(() => null);
    decoding.push(...addresses.map(async (address, frame) => {
      const image = new Image();
      image.src = address;
      await image.decode();
      sheets[frame] = await createImageBitmap(image);
      bitmaps.push(sheets[frame]);
    }));
    return sheets;
  }

  // Each kind of panel builds its parts once and gives a function that shows one frame.
  const kinds = {
    kernels(panel, box) {
      const [rows, columns] = panel.side;
      const kernels = loaded(panel.kernels), fits = loaded(panel.fits);
      const cells = make("div", box, "cells");
      cells.setAttribute("role", "img");
      cells.setAttribute("aria-label", panel.alt);
      const parts = Array.from({ length: panel.count }, (_, number) => {
        const cell = make("div", cells, "cell");
        cell.title = `Kernel ${number}`;
        const sheets = (fits.length ? [kernels, fits] : [kernels]).map((source) => {
          const canvas = make("canvas", cell);
          [canvas.width, canvas.height] = [columns, rows];
          return [canvas.getContext("2d"), source];
        });
        return { sheets, quality: make("span", cell, "quality", "") };
      });
      return (frame) => parts.forEach(({ sheets, quality }, number) => {
        for (const [paper, source] of sheets) {
          if (!source[frame]) continue;
          paper.drawImage(source[frame], number * columns, 0, columns, rows, 0, 0, columns, rows);
        }
        if (!panel.quality.length) return;
        const value = panel.quality[frame][number];
        quality.textContent = value === null ? "–" : value.toFixed(2);
      });
    },
    sheet(panel, box) {
      const images = loaded(panel.frames);
      const canvas = make("canvas", box, "sheet");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", panel.alt);
      const paper = canvas.getContext("2d");
      return (frame) => {
        const image = images[frame];
        if (!image) return;
        if (canvas.width !== image.width || canvas.height !== image.height) {
          [canvas.width, canvas.height] = [image.width, image.height];
        }
        paper.drawImage(image, 0, 0);
      };
    },
    bars(panel, box) {
      const list = make("div", box, "bars");
      list.setAttribute("role", "img");
      const rows = panel.names.map((name, number) => {
        const row = make("div", list, number === panel.picked ? "row picked" : "row");
        make("span", row, "name", name).title = name;
        return { fill: make("i", make("span", row, "track"), ""), text: make("span", row, "text") };
      });
      return (frame) => {
        rows.forEach(({ fill, text }, number) => {
          fill.style.transform = `scaleX(${panel.shares[frame][number]})`;
          text.textContent = panel.texts[frame][number];
        });
        const words = panel.names.map((name, number) => `${name} ${panel.texts[frame][number]}`);
        list.setAttribute("aria-label", `${panel.alt}: ${words.join(", ")}`);
      };
    },
    curves(panel, box, reel) {
      const [width, height, left, top, right, below] = [300, 118, 30, 6, 6, 18];
      const longest = reel.epochs.at(-1);
      const across = (epoch) => left + (width - left - right) * epoch / longest;
      const legend = make("div", box, "legend");
      for (const line of panel.charts[0].lines) {
        const sample = drawing("svg", legend, { viewBox: "0 0 24 8", width: 24, height: 8 });
        drawing("path", sample, { d: "M0 4H24", stroke: line.color, "stroke-width": 3,
          "stroke-dasharray": line.dash });
        make("span", legend, "", line.name);
      }
      const charts = panel.charts.map((chart) => {
        const values = chart.lines.flatMap((line) => line.values);
        const high = Math.max(...values), low = Math.min(0, ...values);
        const up = (value) => top + (height - top - below) * (high - value) / (high - low);
        const svg = drawing("svg", box, { viewBox: `0 0 ${width} ${height}`, class: "curves",
          role: "img" });
        for (const value of [low, high]) {
          drawing("path", svg, { d: `M${left} ${up(value)}H${width - right}`, class: "grid" });
          drawing("text", svg, { x: left - 4, y: up(value) + 5, "text-anchor": "end" },
            String(+value.toFixed(2)));
        }
        drawing("text", svg, { x: left, y: height - 3 }, "0");
        drawing("text", svg, { x: (left + width) / 2, y: height - 3, "text-anchor": "middle" },
          chart.title);
        drawing("text", svg, { x: width - right, y: height - 3, "text-anchor": "end" },
          String(longest));
        const at = drawing("path", svg, { class: "at" });
        const dots = chart.lines.map((line) => {
          const points = line.values.map((value, i) => `${across(i + 1)},${up(value)}`).join(" ");
          drawing("polyline", svg, { points, fill: "none", stroke: line.color, "stroke-width": 2,
            "stroke-dasharray": line.dash });
          return drawing("circle", svg, { r: 4.5, fill: line.color, class: "dot" });
        });
        return { chart, up, svg, at, dots };
      });
      return (frame) => {
        const epoch = reel.epochs[frame], x = across(epoch);
        const known = epoch >= 1;
        for (const { chart, up, svg, at, dots } of charts) {
          at.setAttribute("d", `M${x} ${top}V${height - below}`);
          const words = chart.lines.map((line, i) => {
            const before = Math.min(Math.floor(epoch), line.values.length) - 1;
            const after = Math.min(before + 1, line.values.length - 1);
            const value = known
              ? line.values[before] + (line.values[after] - line.values[before]) * (epoch % 1) : 0;
            dots[i].style.display = known ? "" : "none";
            dots[i].setAttribute("cx", x);
            dots[i].setAttribute("cy", up(value));
            return known ? `${line.name} ${value.toFixed(2)}` : "";
          });
          svg.setAttribute("aria-label",
            `Curve of the ${chart.title}; at epoch ${epoch.toFixed(1)} ${words.join(", ")}`);
        }
        return known ? "" : "No values before the end of the first epoch.";
      };
    },
  };

  function build() {
    screen.replaceChildren();
    screen.classList.toggle("pair", reels.length > 1);
    return reels.map((reel) => {
      const part = make("section", screen, "reel");
      const heading = make("div", part, "heading");
      make("strong", heading, "", reel.title);
      const when = make("span", heading, "when");
      const panels = make("div", part, "panels");
      const draws = reel.panels.map((panel) => {
        const box = make("figure", panels, panel.kind);
        make("figcaption", box, "title", panel.title);
        const draw = kinds[panel.kind](panel, box, reel);
        if (panel.bar) make("div", box, "scale").innerHTML = panel.bar;
        const says = make("div", box, "says");
        return (frame) => {
          const words = draw(frame);
          says.textContent = words ?? panel.says[frame];
        };
      });
      return { reel, when, draws };
    });
  }

  const named = (reel, frame) =>
    `step ${reel.steps[frame].toLocaleString("en")}, epoch ${reel.epochs[frame].toFixed(1)}`;

  function show() {
    const step = steps[place];
    for (const { reel, when, draws } of parts) {
      const frame = Math.max(0, reel.steps.findLastIndex((one) => one <= step));
      when.textContent = named(reel, frame)
        + (step > reel.steps.at(-1) ? " (its end)" : "");
      draws.forEach((draw) => draw(frame));
    }
    time.value = place;
    const words = `step ${step.toLocaleString("en")}`;
    time.setAttribute("aria-valuetext", words);
    find(".now").textContent = words;
    find(".play").textContent = kept.playing ? "Pause" : "Play";
    find(".said").textContent = kept.playing ? "" : parts.map(({ reel, when }) =>
      `${reel.title}: ${when.textContent}`).join("; ");
    kept.step = place === last ? Infinity : step;  // the end stays the end, whatever its step
  }

  function go(next) {
    place = Math.min(Math.max(next, 0), last);
    show();
  }

  function tick() {
    clearTimeout(kept.timer);
    if (!kept.playing) return;
    kept.timer = setTimeout(() => {
      if (place + 1 >= last) kept.playing = false;
      go(place + 1);
      tick();
    }, 1000 / kept.speed);
  }

  function turn(on) {
    kept.playing = on;
    if (on && place === last) place = 0;
    show();
    tick();
  }

  time.max = last;
  speed.value = kept.speed;
  speed.setAttribute("aria-valuetext", `${kept.speed} steps a second`);
  find(".play").onclick = () => turn(!kept.playing);
  time.oninput = () => {
    kept.playing = false;
    tick();
    go(Number(time.value));
  };
  speed.oninput = () => {
    kept.speed = Number(speed.value);
    speed.setAttribute("aria-valuetext", `${kept.speed} steps a second`);
    tick();
  };
  find(".timeline").onkeydown = (event) => {
    const isRange = event.target.type === "range", isButton = event.target.type === "button";
    const places = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: last };
    if (event.key === " " && !isButton) turn(!kept.playing);
    else if (event.key in places && !isRange) {
      kept.playing = false;
      tick();
      go(places[event.key]);
    } else return;
    event.preventDefault();
  };
  const parts = build();
  kept.parts = parts;
  show();
  tick();
  Promise.allSettled(decoding).then(() => { if (kept.parts === parts) show(); });
  return () => {
    clearTimeout(kept.timer);
    bitmaps.forEach((bitmap) => bitmap.close());
  };
}
