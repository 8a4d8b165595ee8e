import Deep from "../../islands/sub/Deep.tsx";
import Cart from "./(_islands)/Cart.tsx";

export default () => (
  <p>
    <Deep />
    <Cart />
  </p>
);
