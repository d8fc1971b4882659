// How large the map is: the whole hall at first, closer by the buttons or by a tap.
"use strict";

(() => {
  const LARGEST = 3;
  const NEAR = 1.25; // a seat is 22 wide: now 27 pixels
  const FINGER = 24 / 22; // the least for a finger: WCAG 2.2, 2.5.8
  const LETTERS = 9; // pixels, however far away the map is

  const scroll = document.getElementById("map-scroll");
  const map = document.getElementById("map");
  const touch = matchMedia("(pointer: coarse)");
  let hall = null; // {svg, width, height, letter(left, right, size)}
  let scale = 0;
  let fitted = true;

  function whole() {
    const style = getComputedStyle(scroll);
    const room = scroll.offsetWidth - 2 * parseFloat(style.paddingLeft);
    return Math.min(room / hall.width, parseFloat(style.maxHeight) / hall.height, 1.5);
  }

  // Which point of the hall is at this place of the screen, as shares of its width and height.
  function pointAt(x, y) {
    const box = hall.svg.getBoundingClientRect();
    return [(x - box.left) / box.width, (y - box.top) / box.height];
  }

  function center() {
    const box = scroll.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  }

  function show(wanted, [x, y]) {
    const least = whole();
    fitted = wanted <= least;
    scale = fitted ? least : Math.min(wanted, LARGEST);
    map.style.width = `${Math.floor(hall.width * scale)}px`;
    const box = hall.svg.getBoundingClientRect();
    const [middle, height] = center();
    scroll.scrollLeft += box.left + box.width * x - middle;
    scroll.scrollTop += box.top + box.height * y - height;
    document.getElementById("tap-hint").hidden = !isFar();
    letter();
  }

  function letter() {
    const box = hall.svg.getBoundingClientRect();
    const seen = scroll.getBoundingClientRect();
    hall.letter((seen.left - box.left) / scale, (seen.right - box.left) / scale, LETTERS / scale);
  }

  const isFar = () => touch.matches && scale < FINGER;
  const step = (factor) => hall && show(scale * factor, pointAt(...center()));
  const fit = () => hall && show(0, [0.5, 0.5]);

  boxoffice.fitMap = (drawn) => {
    hall = drawn;
    fit();
  };

  // A tap where seats are too small for a finger brings them closer instead of choosing one of them.
  boxoffice.comeCloser = ({ clientX, clientY }) => {
    if (!isFar()) return false;
    show(NEAR, pointAt(clientX, clientY));
    return true;
  };

  document.getElementById("zoom-in").addEventListener("click", () => step(1.4));
  document.getElementById("zoom-out").addEventListener("click", () => step(1 / 1.4));
  document.getElementById("zoom-fit").addEventListener("click", fit);
  scroll.addEventListener("scroll", () => hall && letter(), { passive: true });
  addEventListener("resize", () => (fitted ? fit() : step(1)));
})();
