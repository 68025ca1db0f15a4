"use strict";
// The text is in the page already; this colours it by what is chosen, and tells of the character that is looked at.
for (const box of document.querySelectorAll(".coloured")) {
  const { colourings, heads, chosen } = JSON.parse(box.querySelector("script").textContent);
  const text = box.querySelector(".places");
  const places = [...text.children];
  const slider = box.querySelector("input");
  const select = box.querySelector("select");
  const panel = box.querySelector(".chosen");
  const said = box.querySelector(".said");
  const shares = colourings.map(({ shares }) => Int8Array.from(atob(shares), (byte) => byte.charCodeAt(0)));
  const NONE = -128;
  let here = 0;
  const by = () => (select ? select.selectedIndex : 0);
  const level = (share) => {
    const steps = share === NONE ? 0 : Math.min(4, Math.floor(Math.abs(share) / 20));
    return steps ? (share < 0 ? "n" : "p") + steps : "";
  };
  const value = (place) => {
    const { low, high } = colourings[by()];
    const share = shares[by()][place];
    if (share === NONE) return "none";
    return (low < 0 ? (share / 100) * Math.max(-low, high) : low + (share / 100) * (high - low)).toFixed(2);
  };
  const words = () => {
    const figure = colourings.length ? `, ${colourings[by()].name} ${value(here)}` : "";
    const rows = (chosen[here] ?? []).map((row) => row.join(" ")).join(", ");
    return `${here + 1}: ${places[here].textContent.trim() || "space"}${figure}${rows ? `. ${heads[0] ?? ""}: ${rows}` : ""}`;
  };
  const element = (name, content, kind = "") => {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    made.append(...[content].flat());
    return made;
  };
  const table = (rows) => {
    const head = element("thead", element("tr", heads.map((title, at) => {
      const cell = element("th", title, at ? "figure" : "");
      cell.scope = "col";
      return cell;
    })));
    const body = rows.map((row) => element("tr", row.map((cell, at) => element("td", cell, at ? "figure" : ""))));
    return element("table", [head, element("tbody", body)]);
  };
  const tell = (aloud) => {
    const character = element("code", places[here].textContent.trim() || "␣");
    const line = [`${(here + 1).toLocaleString("en")}: `, character];
    if (colourings.length) line.push(`  ${colourings[by()].name} `, element("strong", value(here)));
    panel.replaceChildren(element("p", line), ...(chosen[here]?.length ? [table(chosen[here])] : []));
    slider.setAttribute("aria-valuetext", words());
    said.textContent = aloud ? words() : "";
  };
  const look = (place, aloud = false) => {
    places[here].classList.remove("here");
    here = Math.max(0, Math.min(places.length - 1, place));
    places[here].classList.add("here");
    slider.value = here;
    tell(aloud);
  };
  const colour = (aloud = false) => {
    const { name, words: of, low, high } = colourings[by()];
    places.forEach((place, at) => { place.className = level(shares[by()][at]); });
    box.querySelector(".by").textContent = of ? `${name}: ${of}` : name;
    box.querySelector(".low").textContent = +low.toPrecision(3);
    box.querySelector(".high").textContent = +high.toPrecision(3);
    box.querySelector(".scale").classList.toggle("one-sided", low >= 0);
    look(here, aloud);
  };
  const onto = (event) => places.indexOf(event.target.closest?.(".places i"));
  text.addEventListener("pointerover", (event) => { if (onto(event) >= 0) look(onto(event)); });
  text.addEventListener("click", (event) => { if (onto(event) >= 0) look(onto(event)); });
  text.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const unit = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const place = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: places.length - 1 }[event.key];
    if (place !== undefined) {
      look(place, true);
      places[here].scrollIntoView({ block: "nearest" });
    } else if (unit && select) {
      select.selectedIndex = Math.max(0, Math.min(colourings.length - 1, by() + unit));
      colour(true);
    } else {
      return;
    }
    event.preventDefault();
  });
  slider.addEventListener("input", () => {
    look(slider.valueAsNumber);
    places[here].scrollIntoView({ block: "nearest" });
  });
  select?.addEventListener("change", () => colour());
  text.tabIndex = 0;
  text.setAttribute("aria-roledescription", "text to look at");
  text.setAttribute("aria-description", "Left and right: characters. Up and down: units.");
  box.querySelector(".chooser").hidden = panel.hidden = false;
  box.classList.add("live");
  if (colourings.length) colour();
  else look(0);
}
