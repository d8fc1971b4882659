// Tickets as one holds them: one per seat, with a bar code that a scanner can read.
"use strict";

(() => {
  const { element, shape, money, when } = boxoffice;

  // Code 39: nine elements per character, bars and gaps in turn, three of them wide.
  const CODE39 = {
    0: "000110100", 1: "100100001", 2: "001100001", 3: "101100000", 4: "000110001", 5: "100110000", 6: "001110000", 7: "000100101",
    8: "100100100", 9: "001100100", A: "100001001", B: "001001001", C: "101001000", D: "000011001", E: "100011000", F: "001011000", "*": "010010100",
  };

  function barcode(text) {
    const bars = [];
    let at = 0;
    for (const letter of `*${text}*`) {
      [...CODE39[letter]].forEach((wide, index) => {
        const size = wide === "1" ? 2.5 : 1;
        if (index % 2 === 0) bars.push(shape("rect", { x: 0, y: at, width: 50, height: size }));
        at += size;
      });
      at += 1;
    }
    return shape("svg", { viewBox: `0 0 50 ${at}`, preserveAspectRatio: "none", role: "img", "aria-label": `Bar code ${text}` }, bars);
  }

  const fact = (name, value, small) => element("div", { class: small ? "small" : "" }, element("dt", {}, name), element("dd", {}, String(value)));

  boxoffice.ticket = (order, seat, event) => {
    const code = order.id.slice(0, 8).toUpperCase();
    return element("article", { class: `ticket ${order.status === "cancelled" ? "is-cancelled" : ""}`, "aria-label": `Ticket, row ${seat.row}, seat ${seat.number}` },
      element("div", { class: "ticket-body" },
        element("p", { class: "where" }, when(event.starts_at)),
        element("h3", {}, event.title),
        element("p", { class: "subtitle" }, event.venue),
        element("dl", { class: "ticket-facts" },
          fact("Row", seat.row), fact("Seat", seat.number), fact("Section", seat.section, true), fact("Price", money(seat.price), true), fact("Order", code, true))),
      element("div", { class: "ticket-stub" }, barcode(code)));
  };
})();
