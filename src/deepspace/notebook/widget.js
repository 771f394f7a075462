// The explorer's page in a frame. The page itself reports that it is there; when it does not, the kernel runs on
// another machine, or the notebook may not reach this one, and a sentence says what to do.

const PATIENCE = 10000;

function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = model.get("title");
  frame.src = model.get("address");
  frame.allow = "clipboard-write; fullscreen";
  frame.style.cssText = "width: 100%; border: 0; border-radius: 6px;";
  const said = document.createElement("p");
  said.setAttribute("role", "alert");
  said.hidden = true;
  said.textContent =
    `The page at ${model.get("address")} cannot be reached from this browser: the kernel may run on another machine. ` +
    `Run \`${model.get("command")}\` in a terminal there and forward its port, or open the notebook on the kernel's own machine.`;

  const sized = () => (frame.style.height = `${model.get("height")}px`);
  const heard = (event) => {
    if (event.source !== frame.contentWindow || event.data !== "deepspace:here") return;
    clearTimeout(wait);
    said.hidden = true;
    frame.style.display = "block";
  };
  const wait = setTimeout(() => {
    said.hidden = false;
    frame.style.display = "none";
  }, PATIENCE);

  sized();
  model.on("change:height", sized);
  addEventListener("message", heard);
  el.append(said, frame);
  return () => {
    clearTimeout(wait);
    removeEventListener("message", heard);
    model.off("change:height", sized);
  };
}

export default { render };
