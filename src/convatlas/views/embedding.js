addEventListener("DOMContentLoaded", () => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("points"), card = document.getElementById("card");
  const pen = canvas.getContext("2d"), count = data.x.length;
  const buttons = [...document.querySelectorAll("button[data-class]")];
  const shown = data.inks.map(() => true);
  const order = [...Array(count).keys()].sort((a, b) => ((a * 7919) % count) - ((b * 7919) % count)); // no class lies over another
  const members = data.inks.map(() => []);
  data.of.forEach((k, i) => members[k].push(i));
  let chosen = -1, queued = false;

  const side = () => canvas.clientWidth, height = () => canvas.clientHeight;
  const at = (i) => [data.x[i] / 10000 * side() + side() / 2, height() / 2 - data.y[i] / 10000 * side()];
  const radius = () => Math.min(5, Math.max(1.8, 110 / Math.sqrt(count))) * Math.max(.75, side() / 760);

  function outline(x, y, r, marker) {
    const corners = { 1: 3, 2: 4, 3: 4, 4: 3, 5: 4, 6: 4, 7: 3, 8: 5, 9: 3 }[marker];
    pen.beginPath();
    if (!corners) { pen.arc(x, y, r, 0, 2 * Math.PI); return; }
    const turn = { 1: -.25, 2: .125, 3: 0, 4: .25, 5: 0, 6: .125, 7: .5, 8: -.25, 9: 0 }[marker] * 2 * Math.PI;
    for (let k = 0; k < corners * (marker === 8 ? 2 : 1); k += 1) {
      const far = marker === 8 && k % 2 ? r * .55 : r * 1.25;
      const angle = turn + 2 * Math.PI * k / (corners * (marker === 8 ? 2 : 1));
      pen.lineTo(x + far * Math.cos(angle), y + far * Math.sin(angle));
    }
    pen.closePath();
  }

  function draw() {
    queued = false;
    const dots = devicePixelRatio || 1;
    canvas.width = Math.round(side() * dots);
    canvas.height = Math.round(height() * dots);
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    const style = getComputedStyle(document.documentElement);
    const inks = data.inks.map((name) => style.getPropertyValue(name).trim());
    pen.globalAlpha = .68;
    for (const i of order) {
      if (!shown[data.of[i]]) continue;
      pen.fillStyle = inks[data.of[i]];
      outline(...at(i), radius(), data.markers[data.of[i]]);
      pen.fill();
    }
    pen.globalAlpha = 1;
    names(style.getPropertyValue("--paper").trim(), inks, getComputedStyle(canvas).fontFamily);
    if (chosen >= 0) {
      pen.strokeStyle = style.getPropertyValue("--ink").trim();
      pen.lineWidth = 2;
      outline(...at(chosen), radius() + 3, 0);
      pen.stroke();
    }
  }
  function names(paper, inks, font) {
    const taken = [], middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
    pen.font = `600 13px ${font}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    data.names.forEach((name, k) => {
      const own = members[k];
      if (!shown[k] || own.length < 7) return;
      const x = middle(own.map((i) => at(i)[0])), y = middle(own.map((i) => at(i)[1])), half = pen.measureText(name).width / 2 + 3;
      if (taken.some(([a, b, c]) => Math.abs(x - a) < half + c && Math.abs(y - b) < 17)) return;
      taken.push([x, y, half]);
      pen.fillStyle = paper;
      pen.globalAlpha = .8;
      pen.fillRect(x - half, y - 9, 2 * half, 17);
      pen.globalAlpha = 1;
      pen.fillStyle = inks[k];
      pen.fillText(name, x, y);
    });
  }
  const redraw = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } };

  function choose(i) {
    chosen = i;
    card.hidden = i < 0;
    if (i >= 0) {
      const [x, y] = at(i), picture = card.querySelector("i"), width = 148, zoom = 130;
      const rows = Math.ceil(count / data.across);
      picture.style.backgroundSize = `${data.across * zoom}px ${rows * zoom}px`;
      picture.style.backgroundPosition = `${-(i % data.across) * zoom}px ${-Math.floor(i / data.across) * zoom}px`;
      card.querySelector("span").textContent = data.words[i];
      card.style.left = `${x + width + 16 > side() ? Math.max(0, x - width - 14) : x + 14}px`;
      card.style.top = `${Math.max(0, Math.min(y - 60, height() - card.offsetHeight))}px`;
    }
    redraw();
  }

  function nearest(x, y) {
    let best = -1, least = 14 ** 2;
    for (let i = 0; i < count; i += 1) {
      if (!shown[data.of[i]]) continue;
      const [a, b] = at(i), far = (a - x) ** 2 + (b - y) ** 2;
      if (far < least) { least = far; best = i; }
    }
    return best;
  }

  function show(k, on) {
    shown[k] = on;
    buttons[k].setAttribute("aria-pressed", on);
    if (chosen >= 0 && !shown[data.of[chosen]]) choose(-1);
    redraw();
  }

  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect(), i = nearest(event.clientX - box.left, event.clientY - box.top);
    if (i !== chosen) choose(i);
  });
  canvas.addEventListener("pointerleave", () => choose(-1));
  canvas.addEventListener("blur", () => choose(-1));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") choose(-1);
    if (!step || !shown.some(Boolean)) return;
    event.preventDefault();
    let i = chosen;
    do i = i < 0 && step < 0 ? count - 1 : (i + step + count) % count; while (!shown[data.of[i]]);
    choose(i);
  });
  buttons.forEach((button, k) => button.addEventListener("click", () => show(k, !shown[k])));
  document.getElementById("all").addEventListener("click", () => buttons.forEach((_, k) => show(k, true)));
  document.getElementById("none").addEventListener("click", () => buttons.forEach((_, k) => show(k, false)));
  new ResizeObserver(redraw).observe(canvas);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const wanted = /point=(\d+)/.exec(location.hash);
  draw();
  if (wanted && +wanted[1] < count) choose(+wanted[1]);
});
