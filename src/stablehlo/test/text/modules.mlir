// Modules and functions: cases are separated by -----. test/test_parse.py: MLIR must read them, and what it prints of each, in both
// forms, must be what we print.
func.func @bare(%arg0: tensor<2xf32>) -> tensor<2xf32> {
  return %arg0 : tensor<2xf32>
}

// -----

module @named attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 2 : i32, jax.uses_shape_polymorphism = true,
    sdy.meta = {"a key" = "a \22quoted\22 \\ string\0A", b, a = [1, 2.5, "x", unit, @f, [], {}]}} {
  func.func public @main(%x: tensor<4xf32> {jax.buffer_donor = true, mhlo.sharding = "{replicated}"} loc("x"),
      %1: tensor<f32>) -> (tensor<4xf32> {jax.result_info = "result"}, tensor<f32>) attributes {execution_thread = "main"} {
    %0:2 = call @f(%x, %1) : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>) loc("here":1:2)
    return %0#0, %0#1 : tensor<4xf32>, tensor<f32> loc(fused["a", unknown])
  } loc(unknown)
  func.func private @f(%arg0: tensor<4xf32>, %arg1: tensor<f32>) -> (tensor<4xf32>, tensor<f32>) {
    return %arg0, %arg1 : tensor<4xf32>, tensor<f32>
  }
  func.func private @declared(tensor<?xi8>, !stablehlo.token) -> (tensor<1x?x3xbf16, #stablehlo.bounds<?, 8, ?>>, tuple<tensor<i1>, tuple<>>)
}

// -----

#loc = loc("a file.py":3:4)
#loc1 = loc(fused<"why">[#loc, "b.py":1:1 to 2:3])
#loc2 = loc(callsite("f"(#loc) at #loc1))
module {
  func.func @main(%arg0: tensor<i1> loc("arg")) -> tensor<i1> {
    %0 = stablehlo.not %arg0 : tensor<i1> loc(#loc2)
    return %0 : tensor<i1> loc(#loc1)
  } loc(#loc)
} loc(#loc)

// -----

#alias = dense<[1, 2]> : tensor<2xi64>
#sharding = #sdy.sharding<@mesh, [{"x", ?}, {}], replicated={"y"}>
!t = tensor<2xi64>
!q = !quant.uniform<i8:f32, 5.0e-1:-3>
module {
  func.func @aliases(%arg0: !t {sdy.sharding = #sharding}, %arg1: tensor<2x!q>) -> !t {
    %0 = stablehlo.constant #alias
    %1 = stablehlo.add %0, %arg0 {sdy.sharding = #sdy.sharding_per_value<[<@mesh, [{}]>]>, other = #alias} : !t
    return %1 : !t
  }
}

// -----

"builtin.module"() <{sym_name = "generic"}> ({
  "func.func"() <{arg_attrs = [{a.b = 1 : i64}, {}], function_type = (tensor<i32>, tensor<i32>) -> tensor<i32>, sym_name = "main"}> ({
  ^bb0(%arg0: tensor<i32> loc("x"), %arg1: tensor<i32>):
    %0 = "stablehlo.add"(%arg0, %arg1) {x.y = "z"} : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %1:2 = "stablehlo.optimization_barrier"(%0, %arg0) : (tensor<i32>, tensor<i32>) -> (tensor<i32>, tensor<i32>)
    "func.return"(%1#1) : (tensor<i32>) -> ()
  }) : () -> ()
  "func.func"() <{function_type = (tensor<i32>) -> (), sym_name = "empty", sym_visibility = "private"}> ({
  }) : () -> ()
}) {mhlo.attr} : () -> ()

// -----

// Names of values have the letters that MLIR allows, and numbers of results.
func.func @names(%a-b$c.d_e: tensor<f32>, %0: tensor<f32>) -> tensor<f32> {
  %x:3, %y = "stablehlo.custom_call"(%a-b$c.d_e) <{call_target_name = "four"}> : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>)
  %1 = stablehlo.add %x#2, %y : tensor<f32>
  %42 = stablehlo.add %1, %x#0 : tensor<f32>
  func.return %42 : tensor<f32>
}
