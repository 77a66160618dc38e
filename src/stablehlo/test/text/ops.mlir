// Ops whose text has its own form, written as people and older releases write them; see modules.mlir.
func.func @regions(%arg0: tensor<4x8xf32>, %arg1: tensor<4x8xi32>, %i: tensor<i32>) -> tensor<4xf32> {
  %cst = stablehlo.constant dense<0.0> : tensor<f32>
  %c = stablehlo.constant dense<0> : tensor<i32>
  %0 = stablehlo.reduce(%arg0 init: %cst) applies stablehlo.add across dimensions = [1] {some.attr} : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
  %1:2 = stablehlo.reduce(%arg0 init: %cst), (%arg1 init: %c) across dimensions = [0, 1] : (tensor<4x8xf32>, tensor<4x8xi32>, tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>)
   reducer(%a: tensor<f32>, %b: tensor<f32>) (%c1: tensor<i32>, %d: tensor<i32>)  {
    %s = stablehlo.add %a, %b : tensor<f32>
    %m = stablehlo.maximum %c1, %d : tensor<i32>
    stablehlo.return %s, %m : tensor<f32>, tensor<i32>
  }
  %2 = "stablehlo.reduce"(%arg0, %cst) ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.maximum"(%b, %a) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) {dimensions = array<i64: 1>} : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
  %3:2 = stablehlo.while(%iter = %i, %iterArg_0 = %2) : tensor<i32>, tensor<4xf32> attributes {mhlo.frontend = {a = "b"}}
   cond {
    %t = stablehlo.compare  LT, %iter, %c,  SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %t : tensor<i1>
  } do {
    %n = stablehlo.add %iter, %i : tensor<i32>
    stablehlo.return %n, %iterArg_0 : tensor<i32>, tensor<4xf32>
  }
  %4 = "stablehlo.case"(%3#0) ({
    stablehlo.return %3#1 : tensor<4xf32>
  }, {
  ^bb0:
    %5 = "stablehlo.case"(%i) ({
      "stablehlo.return"(%0) : (tensor<4xf32>) -> ()
    }) : (tensor<i32>) -> tensor<4xf32>
    stablehlo.return %5 : tensor<4xf32>
  }) : (tensor<i32>) -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// -----

func.func @attributes(%x: tensor<1x8x8x4xf32>, %w: tensor<3x3x4x16xf32>, %m: tensor<4x8xf32>, %n: tensor<8x2xf32>) {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
    window = {stride = [2, 1], pad = [[1, 0], [0, 1]], lhs_dilate = [1, 1], rhs_dilate = [2, 2], reverse = [false, true]}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64, precision_config = [#stablehlo<precision HIGH>, #stablehlo<precision DEFAULT>]}
    : (tensor<1x8x8x4xf32>, tensor<3x3x4x16xf32>) -> tensor<1x3x5x16xf32>
  %1 = stablehlo.dot_general %m, %n, contracting_dims = [1] x [0], precision = [DEFAULT, HIGHEST] : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  %2 = "stablehlo.dot_general"(%m, %n) <{dot_dimension_numbers = #stablehlo.dot<rhs_contracting_dimensions = [0], lhs_contracting_dimensions = [1]>}>
    : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  %3 = stablehlo.slice %m [0:4:2, 1:8] : (tensor<4x8xf32>) -> tensor<2x7xf32>
  %4 = stablehlo.exponential %m {result_accuracy = #stablehlo.result_accuracy<ulps = 2, mode = #stablehlo.result_accuracy_mode<TOLERANCE>>} : tensor<4x8xf32>
  %5 = stablehlo.compare EQ, %m, %m : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xi1>
  %6 = stablehlo.iota dim = 0 : tensor<4xi32>
  %7 = stablehlo.reduce_precision %m, format = e5m2 : tensor<4x8xf32>
  %8 = stablehlo.select %5, %m, %m : tensor<4x8xi1>, tensor<4x8xf32>
  %9 = stablehlo.complex %m, %m : tensor<4x8xcomplex<f32>>
  %10 = stablehlo.custom_call @f(%m) {has_side_effect = true, output_operand_aliases = [#stablehlo.output_operand_alias<output_tuple_indices = [],
    operand_index = 0, operand_tuple_indices = []>], operand_layouts = [dense<[1, 0]> : tensor<2xindex>],
    result_layouts = [dense<[0, 1]> : tensor<2xindex>]} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %11 = stablehlo.composite "some.op" %m {composite_attributes = {k = 1 : i64}, decomposition = @d, version = 3 : i32} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}
func.func private @d(%m: tensor<4x8xf32>) -> tensor<4x8xf32> {
  return %m : tensor<4x8xf32>
}

// -----

func.func @collectives(%arg0: tensor<4xf32>) {
  %0 = "stablehlo.all_reduce"(%arg0) <{channel_handle = #stablehlo.channel_handle<handle = 1, type = 0>, replica_groups = dense<[[0, 1], [2, 3]]> : tensor<2x2xi64>,
    use_global_device_ids}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %1 = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %1 : tensor<f32>
  }) : (tensor<4xf32>) -> tensor<4xf32>
  %2 = stablehlo.create_token : !stablehlo.token
  %3 = stablehlo.after_all %2, %2 : !stablehlo.token
  %4 = "stablehlo.collective_permute"(%0) <{source_target_pairs = dense<[[0, 1]]> : tensor<1x2xi64>}> : (tensor<4xf32>) -> tensor<4xf32>
  return
}
