"use strict";
// Reads the curves out to whoever points at a chart or walks through it with the arrow keys.
function unit(seconds) {
  if (seconds === null) return "–";
  if (seconds < 0.9995) return (seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0) + " ms";
  return seconds.toFixed(seconds < 10 ? 2 : 1) + " s";
}
function words([at, rate, fail, unknown, p50, p99, worst]) {
  const parts = [at.toFixed(2) + " s", Math.round(rate) + " /s"];
  if (fail) parts.push(fail + " failed");
  if (unknown) parts.push(unknown + " unknown");
  parts.push("p50 " + unit(p50), "p99 " + unit(p99), "worst " + unit(worst));
  return parts.join("  ·  ");
}
for (const chart of document.querySelectorAll("figure.chart")) {
  const points = JSON.parse(chart.dataset.points);
  const [left, plot, seconds] = ["left", "plot", "seconds"].map((name) => Number(chart.dataset[name]));
  const svg = chart.querySelector("svg"), pointer = chart.querySelector(".pointer");
  const readout = chart.querySelector(".readout"), frame = chart.querySelector(".scroll");
  const step = points.length > 1 ? points[1][0] - points[0][0] : seconds;
  let index = -1;
  const show = (wanted, spoken) => {
    index = Math.max(0, Math.min(points.length - 1, wanted));
    const x = left + plot * Math.min(1, (points[index][0] + step / 2) / seconds);
    pointer.setAttribute("transform", "translate(" + x.toFixed(1) + " 0)");
    pointer.setAttribute("visibility", "visible");
    readout.setAttribute("aria-live", spoken ? "polite" : "off");
    readout.textContent = words(points[index]);
  };
  const hide = () => {
    index = -1;
    pointer.setAttribute("visibility", "hidden");
    readout.textContent = "";
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    if (x < left) hide();
    else show(Math.floor((((x - left) / plot) * seconds - points[0][0]) / step), false);
  });
  svg.addEventListener("pointerleave", hide);
  frame.addEventListener("blur", hide);
  frame.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    show(index < 0 ? 0 : index + by, true);
  });
}
for (const command of document.querySelectorAll(".command")) {
  const button = command.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", async () => {
    const range = document.createRange();
    range.selectNodeContents(command.querySelector("code"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    try {
      await navigator.clipboard.writeText(range.toString());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
}
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});
