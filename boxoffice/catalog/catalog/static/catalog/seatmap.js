// The map of a hall: rows as arcs around the stage, one tab stop, arrows to move, space to choose.
"use strict";

(() => {
  const { element, money, shape } = boxoffice;
  const PITCH = 22;
  const ROW = 25;
  const CURVE = 26;
  const SHAPES = {
    free: "M-6-8h12a2.2 2.2 0 0 1 2.2 2.2v11.600a2.2 2.2 0 0 1-2.2 2.2h-12a2.2 2.2 0 0 1-2.2-2.2v-11.600a2.2 2.2 0 0 1 2.2-2.2z",
    held: "M0-8 8 0 0 8-8 0z",
    sold: "M-4.5-4.5l9 9M4.5-4.5l-9 9",
  };
  const SPOKEN = { free: "free", held: "somebody is deciding", sold: "sold" };

  // seatMap(container, {choose(seat)}): `place` sets all seats, `change` some, `mark` those that are the buyer's own.
  boxoffice.seatMap = (container, { choose }) => {
    const seats = new Map();
    const nodes = new Map();
    let own = new Set();
    let rows = [];
    let names = []; // the letters at both ends of each row
    let current = null;

    function place(all) {
      const known = nodes.size === all.length && all.every((seat) => nodes.has(seat.id));
      if (known) return change(all, false);
      seats.clear();
      nodes.clear();
      for (const seat of all) seats.set(seat.id, seat);
      draw();
      container.removeAttribute("aria-busy");
    }

    // News may be older than what is known: versions decide.
    function change(some, flash = true) {
      for (const seat of some) {
        const known = seats.get(seat.id);
        if (!known || seat.version < known.version) continue;
        const different = known.state !== seat.state;
        Object.assign(known, seat);
        paint(known);
        if (different && flash && !own.has(seat.id)) restart(nodes.get(seat.id), "is-new");
      }
    }

    function mark(ids) {
      const before = own;
      own = new Set(ids);
      for (const id of new Set([...before, ...own])) if (seats.has(id)) paint(seats.get(id));
    }

    function draw() {
      rows = byRow([...seats.values()]);
      names = [];
      const prices = [...new Set([...seats.values()].map((seat) => seat.price))].sort((a, b) => b - a);
      const widest = Math.max(...rows.map((row) => row.seats.length));
      const half = (widest * PITCH) / 2 + 12;
      const grid = shape("g", { role: "grid", "aria-label": "Seats", "aria-multiselectable": "true" });
      let y = 74 + CURVE;
      let section = null;
      for (const row of rows) {
        if (row.section !== section) {
          if (section !== null) y += 40;
          grid.append(shape("text", { class: "section-name", x: 0, y: y - CURVE * bend(0, half) - 16 }, row.section));
          section = row.section;
          y += 8;
        }
        grid.append(drawRow(row, y, half, prices));
        y += ROW;
      }
      const stage = Math.max(half * 0.62, 110);
      const [width, height] = [2 * half + 52, y + 4];
      const svg = shape("svg", { viewBox: `${-width / 2} 0 ${width} ${height}` },
        shape("path", { class: "stage", d: `M${-stage} 6h${2 * stage}l-18 26q${-stage + 18} 16 ${-2 * (stage - 18)} 0z` }),
        shape("text", { class: "stage-word", x: 0, y: 27, "aria-hidden": "true" }, "STAGE"), grid);
      svg.addEventListener("click", (event) => boxoffice.comeCloser(event) || toggle(event.target.closest(".seat")));
      svg.addEventListener("keydown", onKey);
      svg.addEventListener("pointerover", ({ target, pointerType }) => pointerType === "mouse" && hint(target.closest(".seat")));
      svg.addEventListener("pointerleave", () => hint(null));
      svg.addEventListener("focusin", ({ target }) => {
        move(seats.get(Number(target.closest(".seat").dataset.id)), false); // a screen reader may set the focus itself
        if (target.matches(":focus-visible")) hint(target.closest(".seat"));
      });
      svg.addEventListener("focusout", () => hint(null));
      document.getElementById("prices").replaceChildren(...priceList(prices));
      container.replaceChildren(svg);
      current = rows[0].seats[Math.floor(rows[0].seats.length / 2)];
      nodes.get(current.id).setAttribute("tabindex", "0");
      boxoffice.fitMap({ svg, width, height, letter: (left, right, size) => letter(left - width / 2, right - width / 2, size, half) });
    }

    // Words stay readable however small the map is, and rows keep their letters when their ends are out of sight.
    function letter(left, right, wanted, half) {
      const size = Math.min(Math.max(wanted, 10), ROW);
      const away = 13 + size * 0.75;
      for (const { node, seat, side, y } of names) {
        const x = side < 0 ? Math.max(seat.x - away, left + size * 0.7) : Math.min(seat.x + away, right - size * 0.7);
        node.setAttribute("x", x.toFixed(1));
        node.setAttribute("y", (y - CURVE * bend(x, half) + size * 0.35).toFixed(1));
        node.setAttribute("font-size", size.toFixed(1));
      }
      for (const word of container.querySelectorAll(".section-name, .stage-word")) word.setAttribute("font-size", Math.max(size, 12.5).toFixed(1));
    }

    function drawRow(row, y, half, prices) {
      const count = row.seats.length;
      const group = shape("g", { role: "row", "aria-label": `Row ${row.name}` });
      row.seats.forEach((seat, index) => {
        const aisle = count >= 16 ? (index < count / 2 ? -6 : 6) : 0;
        seat.x = (index - (count - 1) / 2) * PITCH + aisle;
        seat.y = y - CURVE * bend(seat.x, half);
        const node = shape("g", { class: "seat", role: "gridcell", tabindex: "-1", "data-id": seat.id, transform: `translate(${seat.x.toFixed(1)} ${seat.y.toFixed(1)})` },
          shape("rect", { class: "seat-area", x: -11, y: -12, width: 22, height: 24 }),
          shape("rect", { class: "seat-ring", x: -11, y: -11, width: 22, height: 22, rx: 6 }),
          shape("path", { class: "seat-shape" }), shape("path", { class: "seat-mark" }));
        node.dataset.price = `price-${Math.min(prices.indexOf(seat.price) + 1, 3)}`;
        nodes.set(seat.id, node);
        group.append(node);
        paint(seat);
      });
      for (const [seat, side] of [[row.seats[0], -1], [row.seats[count - 1], 1]]) {
        const node = shape("text", { class: "row-name", "aria-hidden": "true" }, row.name);
        names.push({ node, seat, side, y });
        group.append(node);
      }
      return group;
    }

    function paint(seat) {
      const node = nodes.get(seat.id);
      const mine = own.has(seat.id);
      const state = mine ? "free" : seat.state;
      node.setAttribute("class", `seat ${node.dataset.price} ${mine ? "is-chosen" : `is-${state}`}`);
      node.querySelector(".seat-shape").setAttribute("d", SHAPES[state]);
      node.querySelector(".seat-mark").setAttribute("d", mine ? "M-4 0l3 3 5-6" : "");
      node.setAttribute("aria-selected", String(mine));
      node.setAttribute("aria-disabled", String(!mine && state !== "free"));
      node.setAttribute("aria-label", `${seat.section}, row ${seat.row}, seat ${seat.number}, ${money(seat.price)}, ${mine ? "yours" : SPOKEN[state]}`);
    }

    function toggle(node) {
      if (!node) return;
      move(seats.get(Number(node.dataset.id)), false);
      choose(current);
    }

    function onKey(event) {
      const row = rows.find(({ seats: list }) => list.includes(current));
      const index = row.seats.indexOf(current);
      const steps = {
        ArrowLeft: () => row.seats[index - 1],
        ArrowRight: () => row.seats[index + 1],
        ArrowUp: () => nearest(rows[rows.indexOf(row) - 1]),
        ArrowDown: () => nearest(rows[rows.indexOf(row) + 1]),
        Home: () => row.seats[0],
        End: () => row.seats[row.seats.length - 1],
      };
      if (event.key in steps) {
        event.preventDefault();
        const next = steps[event.key]();
        if (next) move(next, true);
      } else if (event.key === " " || event.key === "Enter") {
        event.preventDefault();
        choose(current);
      }
    }

    function nearest(row) {
      return row?.seats.reduce((best, seat) => (Math.abs(seat.x - current.x) < Math.abs(best.x - current.x) ? seat : best));
    }

    function move(seat, focus) {
      nodes.get(current.id).setAttribute("tabindex", "-1");
      current = seat;
      const node = nodes.get(seat.id);
      node.setAttribute("tabindex", "0");
      if (focus) node.focus({ focusVisible: true });
    }

    function hint(node) {
      const tip = document.getElementById("tip");
      tip.hidden = !node;
      if (!node) return;
      const seat = seats.get(Number(node.dataset.id));
      const free = own.has(seat.id) || seat.state === "free";
      tip.textContent = `Row ${seat.row} · Seat ${seat.number} · ${free ? money(seat.price) : SPOKEN[seat.state]}`;
      const box = node.getBoundingClientRect();
      const left = Math.min(Math.max(box.x + box.width / 2 - tip.offsetWidth / 2, 6), innerWidth - tip.offsetWidth - 6);
      tip.style.translate = `${left}px ${box.y > 60 ? box.y - tip.offsetHeight - 6 : box.bottom + 6}px`;
    }

    // A hold of somebody else ends by itself: nobody has to tell.
    setInterval(() => {
      const now = boxoffice.now();
      for (const seat of seats.values()) {
        if (seat.state === "held" && seat.until && Date.parse(seat.until) <= now) {
          seat.state = "free";
          paint(seat);
        }
      }
    }, 1000);

    return { place, change, mark, seat: (id) => seats.get(id) };
  };

  const bend = (x, half) => (x / half) ** 2;

  function restart(node, name) {
    node.classList.remove(name);
    node.getBoundingClientRect();
    node.classList.add(name);
  }

  function byRow(all) {
    const rows = new Map();
    for (const seat of all) {
      const key = `${seat.section}|${seat.row}`;
      if (!rows.has(key)) rows.set(key, { section: seat.section, name: seat.row, seats: [] });
      rows.get(key).seats.push(seat);
    }
    return [...rows.values()];
  }

  function priceList(prices) {
    return prices.map((price, index) =>
      element("li", { class: `price-${Math.min(index + 1, 3)}` }, element("i", { "aria-hidden": "true" }), element("b", {}, money(price))));
  }
})();
