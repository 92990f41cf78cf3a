// What Streamlit calls: once when the component appears, and again whenever Python says something new.
import { NoWebGL } from "./points.js";
import { View } from "./view.js";

const views = new WeakMap();

export function show({ data, parentElement, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) {
    try {
      view = new View(parentElement);
    } catch (error) {
      if (!(error instanceof NoWebGL)) throw error;
      setTriggerValue("flat", true); // Python draws another way
      return;
    }
    views.set(parentElement, view);
  }
  view.update(data, setTriggerValue);
}

export function hide({ parentElement }) {
  views.get(parentElement)?.destroy();
  views.delete(parentElement);
}
